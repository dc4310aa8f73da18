/**
 * Pipeline: one notebook's graph, progress, release, findings and history, and the buttons that act on them.
 */
import type { JSX, ReactNode } from 'react';
import type { PipelineModel } from '../model';
import type { IPlace } from '../finding';
import { Deployment } from './Deployment';
import { Faults, Findings } from './Findings';
import { Head } from './Head';
import { History } from './History';
import { Parameters } from './Parameters';
import { Release } from './Release';
import { Stages } from './Stages';
import { Steps } from './Steps';
import { Lost, Trouble } from './Trouble';
import { useTrans } from './context';

export function Pipeline({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const { run, faults, findings } = model;
  const { trouble } = model.asking;
  const reveal = (place: IPlace): void => void model.document.reveal(place);
  return (
    <>
      <Head model={model} />
      {trouble && <Trouble trouble={trouble} />}
      {run?.state === 'lost' && <Lost run={run} />}
      {faults.length > 0 && <Faults faults={faults} onReveal={reveal} />}
      {run?.verb === 'ship' && <Steps run={run} />}
      <section className="jp-nb2prod-Section">
        <h3>{trans.__('Stages')}</h3>
        <Stages model={model} reveal={reveal} />
      </section>
      {findings.length > 0 && (
        <Fold
          title={trans.__('Findings (%1)', findings.length)}
          open={findings.some(({ severity }) => severity === 'error')}
        >
          <Findings findings={findings} onReveal={reveal} onFix={fix => void model.mend(fix)} />
        </Fold>
      )}
      {(model.graph?.parameters.length ?? 0) > 0 && (
        <Fold title={trans.__('Parameters')} open={false}>
          <Parameters model={model} />
        </Fold>
      )}
      {model.releases.shown && (
        <section className="jp-nb2prod-Section">
          <h3>{trans.__('Release')}</h3>
          <Release
            result={model.releases.shown}
            releases={model.releases}
            urlOf={page => model.service.releaseUrl(model.document.path, model.releases.shown?.release ?? '', page)}
            pending={model.asking.pending}
          />
        </section>
      )}
      <Deployment model={model} />
      {model.runs.list.length > 0 && (
        <Fold title={trans.__('History (%1)', model.runs.list.length)} open={false}>
          <History model={model} />
        </Fold>
      )}
    </>
  );
}

interface IFoldProps {
  readonly title: string;
  readonly open: boolean;
  readonly children: ReactNode;
}

function Fold({ title, open, children }: IFoldProps): JSX.Element {
  return (
    <details className="jp-nb2prod-Section" open={open}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
