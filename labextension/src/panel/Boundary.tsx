/**
 * Boundary: a fault of ours in drawing the panel is said in the panel, and the rest of the page goes on.
 */
import { Component } from 'react';
import type { ContextType, ReactNode } from 'react';
import { Trans } from './context';

interface IState {
  readonly error: Error | null;
}

export class Boundary extends Component<{ readonly children: ReactNode }, IState> {
  static override contextType = Trans;
  declare context: ContextType<typeof Trans>;
  override state: IState = { error: null };

  static getDerivedStateFromError(error: Error): IState {
    return { error };
  }

  override render(): ReactNode {
    if (!this.state.error) {
      return this.props.children;
    }
    return (
      <p className="jp-nb2prod-Hint" role="alert">
        {this.context.__(
          'The panel could not be drawn (%1). Close and reopen it; the pipeline itself is not affected.',
          this.state.error.message
        )}
      </p>
    );
  }
}
