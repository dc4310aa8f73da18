/**
 * History: the runs and ships of this notebook, to be looked at again, and two of them compared.
 */
import { useState } from 'react';
import type { JSX } from 'react';
import { CommandIDs } from '../commands';
import type { PipelineModel } from '../model';
import type { IRunSummary, RunState } from '../tokens';
import { ago, duration, roleWord, runWord } from '../words';
import { Reproduce, Sameness } from './Reproduce';
import { Sign } from './Sign';
import type { ISignProps } from './Sign';
import { useCommands, useTrans } from './context';

type Kind = 'all' | 'ship' | 'run' | 'failed';

/** A longer list is no help; a terminal has them all. */
const MOST = 50;

const SIGNS: Readonly<Record<RunState, ISignProps['state']>> = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  cancelled: 'skipped',
  lost: 'failed'
};

export function History({ model }: { readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const execute = useCommands();
  const [kind, setKind] = useState<Kind>('all');
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const words: Readonly<Record<Kind, string>> = {
    all: trans.__('All'),
    ship: trans.__('Ships'),
    run: trans.__('Runs'),
    failed: trans.__('Failed')
  };
  const found = model.runs.list.filter(run => fits(run, kind, text)).slice(0, MOST);
  const toggle = (run: string): void =>
    setChosen(chosen.includes(run) ? chosen.filter(one => one !== run) : [...chosen, run].slice(-2));
  const compare = (): void => {
    const [one, other] = [...chosen].sort();
    execute(CommandIDs.compare, { path: model.document.path, one, other });
  };
  return (
    <div className="jp-nb2prod-History">
      <div className="jp-nb2prod-History-filter">
        <select aria-label={trans.__('Kind')} value={kind} onChange={({ target }) => setKind(target.value as Kind)}>
          {Object.entries(words).map(([name, word]) => (
            <option key={name} value={name}>
              {word}
            </option>
          ))}
        </select>
        <input
          type="search"
          aria-label={trans.__('Filter by name')}
          placeholder={trans.__('Filter by name')}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        <button className="jp-nb2prod-Button" disabled={chosen.length !== 2} onClick={compare}>
          {trans.__('Compare')}
        </button>
      </div>
      <ul>
        {found.map(run => (
          <Entry
            key={run.run}
            run={run}
            model={model}
            chosen={chosen.includes(run.run)}
            onChoose={() => toggle(run.run)}
          />
        ))}
      </ul>
    </div>
  );
}

interface IEntryProps {
  readonly run: IRunSummary;
  readonly model: PipelineModel;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}

function Entry({ run, model, chosen, onChoose }: IEntryProps): JSX.Element {
  const trans = useTrans();
  const shown = model.run?.run === run.run;
  const over = run.state === 'done' || run.state === 'failed';
  const word = runWord(trans, run.verb, run.state);
  return (
    <li data-run={run.run} data-state={run.state} aria-current={shown ? 'true' : undefined}>
      <input
        type="checkbox"
        aria-label={trans.__('Compare %1', run.run)}
        disabled={!over}
        checked={chosen}
        onChange={onChoose}
      />
      <Sign state={SIGNS[run.state]} />
      <button className="jp-nb2prod-Link" title={run.run} onClick={() => model.runs.look(run)}>
        {word}
      </button>
      <span className="jp-nb2prod-History-when">
        {trans.__('%1, %2', ago(trans, run.started), duration(trans, run.seconds))}
      </span>
      {run.state === 'running' ? (
        <button className="jp-nb2prod-Link" onClick={() => void model.runs.cancel(run.run)}>
          {trans.__('Cancel')}
        </button>
      ) : (
        <a
          href={model.service.recordUrl(model.document.path, run.run, over ? 'report' : 'log')}
          target="_blank"
          rel="noreferrer"
          aria-label={over ? trans.__('Report of %1', run.run) : trans.__('Log of %1', run.run)}
        >
          {over ? trans.__('Report') : trans.__('Log')}
        </a>
      )}
      {run.release && <Shipped release={run.release} model={model} />}
    </li>
  );
}

/** The release that a ship has made, and what is to be done with it. */
function Shipped({ release, model }: { readonly release: string; readonly model: PipelineModel }): JSX.Element {
  const trans = useTrans();
  const execute = useCommands();
  const { current } = model.deployments;
  const role = current?.releases[release]?.role;
  return (
    <span className="jp-nb2prod-History-release">
      <span>{release}</span>
      {role && role !== 'standby' && <b>{roleWord(trans, role)}</b>}
      <span className="jp-nb2prod-History-verbs">
        <button
          className="jp-nb2prod-Link"
          aria-label={trans.__('Promote %1', release)}
          disabled={model.asking.pending !== null}
          onClick={() => execute(CommandIDs.promote, { release })}
        >
          {trans.__('Promote …')}
        </button>
        <Reproduce
          className="jp-nb2prod-Link"
          release={release}
          releases={model.releases}
          waits={model.asking.pending !== null}
        />
      </span>
      <Sameness release={release} releases={model.releases} />
    </span>
  );
}

function fits(run: IRunSummary, kind: Kind, text: string): boolean {
  const isKind =
    kind === 'all' || (kind === 'failed' ? run.state === 'failed' || run.state === 'lost' : run.verb === kind);
  return isKind && `${run.run} ${run.release ?? ''} ${run.state}`.includes(text.trim());
}
