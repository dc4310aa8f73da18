/**
 * Service: nb2prod's verbs over HTTP. Nothing else in this extension speaks to the server.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { PartialJSONObject, PartialJSONValue } from '@lumino/coreutils';
import { answerOf } from './answer';
import type { IDeployment, IPromotion, IReproduction } from './deployment';
import type { IFault, IRequires } from './finding';
import type {
  IAnswer,
  IGraph,
  IComparison,
  IJournalPage,
  IOptionForm,
  IOrder,
  IPipelineService,
  IRelease,
  IReview,
  IRunSummary,
  ReleasePage,
  IServiceState,
  IStep,
  ISuggestion,
  RunEvent,
  RunRecord,
  Typed
} from './tokens';

const NAMESPACE = 'nb2prod/api';

/** Instead of a release: whichever answers for the notebook. */
export const LIVE = 'live';

const LOCAL = ['127.0.0.1', 'localhost', '[::1]'];

/** The route by which the server passes requests on to a service. */
function passed(path: string, release: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(path));
  const book = btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  return URLExt.join('proxy', book, release);
}

/** A refusal of the server, or silence. */
export class ServiceFault extends Error {
  constructor(
    readonly fault: IFault,
    readonly status: number
  ) {
    super(fault.message);
  }
}

/** The verbs of the server this page came from. */
export class PipelineService implements IPipelineService {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  options(): Promise<IOptionForm> {
    return this._request('options', 'GET', {});
  }

  graph(path: string, content: PartialJSONObject): Promise<IGraph> {
    return this._request('graph', 'POST', {}, { path, content });
  }

  async plan(path: string, content: PartialJSONObject, typed: Typed): Promise<readonly IStep[]> {
    return (await this._request<{ steps: readonly IStep[] }>('plan', 'POST', {}, { path, content, typed })).steps;
  }

  suggest(path: string, content: PartialJSONObject): Promise<ISuggestion> {
    return this._request('suggest', 'POST', {}, { path, content });
  }

  async require(path: string, { file, requirement }: IRequires): Promise<string> {
    const body = { path, file, requirement };
    return (await this._request<{ file: string }>('requirements', 'POST', {}, body)).file;
  }

  review(path: string, content: PartialJSONObject, typed: Typed): Promise<IReview> {
    return this._request('review', 'POST', {}, { path, content, typed });
  }

  async start(path: string, order: IOrder): Promise<string> {
    return (await this._request<{ run: string }>('runs', 'POST', {}, { path, ...order } as object as PartialJSONObject))
      .run;
  }

  compare(path: string, one: string, other: string): Promise<IComparison> {
    return this._request(URLExt.join('runs', one, 'compare'), 'GET', { path, other });
  }

  recordUrl(path: string, run: string, record: RunRecord): string {
    const { baseUrl } = this._settings;
    return URLExt.join(baseUrl, NAMESPACE, 'runs', run, record) + URLExt.objectToQueryString({ path });
  }

  manualUrl(page: string): string {
    return URLExt.join(this._settings.baseUrl, NAMESPACE, 'docs', `${page}.md`);
  }

  executed(path: string, run: string): Promise<PartialJSONObject> {
    return this._request(URLExt.join('runs', run, 'notebook'), 'GET', { path });
  }

  address(path: string, release: string, url: string): string {
    // Only who sits at the server's machine reaches its ports.
    const far = LOCAL.includes(new URL(url).hostname) && !LOCAL.includes(new URL(this._settings.baseUrl).hostname);
    return far ? URLExt.join(this._settings.baseUrl, NAMESPACE, passed(path, release), '/') : url;
  }

  async predict(path: string, release: string, row: PartialJSONValue): Promise<IAnswer> {
    const response = await this._send(URLExt.join(passed(path, release), 'predict'), 'POST', {}, { rows: [row] });
    return answerOf(response.ok, await response.text());
  }

  runs(path: string): Promise<readonly IRunSummary[]> {
    return this._request('runs', 'GET', { path });
  }

  page(path: string, run: string, after: number): Promise<IJournalPage> {
    return this._request(URLExt.join('runs', run), 'GET', {
      path,
      after: String(after)
    });
  }

  cancel(path: string, run: string): Promise<void> {
    return this._request(URLExt.join('runs', run), 'DELETE', { path });
  }

  releases(path: string): Promise<readonly IRelease[]> {
    return this._request('releases', 'GET', { path });
  }

  serve(path: string, release: string): Promise<IServiceState> {
    return this._request(URLExt.join('services', release), 'POST', { path });
  }

  stop(path: string, release: string): Promise<IServiceState> {
    return this._request(URLExt.join('services', release), 'DELETE', { path });
  }

  deployment(path: string): Promise<IDeployment | null> {
    return this._request('deployment', 'GET', { path });
  }

  promote(path: string, release: string, promotion: IPromotion): Promise<IDeployment> {
    const body = promotion as object as PartialJSONObject;
    return this._request(URLExt.join('releases', release, 'promote'), 'POST', { path }, body);
  }

  rollback(path: string, note: string): Promise<IDeployment> {
    return this._request('deployment/rollback', 'POST', { path }, { note });
  }

  retire(path: string): Promise<IDeployment> {
    return this._request('deployment', 'DELETE', { path });
  }

  reproduce(path: string, release: string): Promise<IReproduction> {
    return this._request(URLExt.join('releases', release, 'reproduction'), 'POST', { path });
  }

  reproduction(path: string, release: string): Promise<IReproduction | null> {
    return this._request(URLExt.join('releases', release, 'reproduction'), 'GET', { path });
  }

  releaseUrl(path: string, release: string, page: ReleasePage): string {
    const { baseUrl } = this._settings;
    return URLExt.join(baseUrl, NAMESPACE, 'releases', release, page) + URLExt.objectToQueryString({ path });
  }

  stream(
    path: string,
    run: string,
    after: number,
    listen: (event: RunEvent) => void,
    signal: AbortSignal
  ): Promise<void> {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    const query = {
      path,
      after: String(after),
      ...(appendToken && token ? { token } : {})
    };
    const url = URLExt.join(wsUrl, NAMESPACE, 'runs', run, 'ws') + URLExt.objectToQueryString(query);
    return new Promise(resolve => {
      const socket = new WebSocket(url);
      const leave = () => socket.close();
      signal.addEventListener('abort', leave, { once: true });
      socket.onmessage = message => listen(JSON.parse(message.data as string) as RunEvent);
      socket.onclose = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
    });
  }

  private async _request<T>(...asked: Parameters<PipelineService['_send']>): Promise<T> {
    const response = await this._send(...asked);
    const text = await response.text();
    if (!response.ok) {
      throw new ServiceFault(faultOf(text), response.status);
    }
    return (text ? JSON.parse(text) : undefined) as T;
  }

  private async _send(
    route: string,
    method: string,
    query: Record<string, string>,
    body?: PartialJSONObject
  ): Promise<Response> {
    const url = URLExt.join(this._settings.baseUrl, NAMESPACE, route) + URLExt.objectToQueryString(query);
    const init: RequestInit = {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {})
    };
    try {
      return await ServerConnection.makeRequest(url, init, this._settings);
    } catch {
      throw new ServiceFault({ ...NO_PLACE, code: null, message: '', cure: '', detail: null }, 0);
    }
  }
}

const NO_PLACE = { cell: null, cell_id: null, stage: null } as const;

function faultOf(text: string): IFault {
  let sent: Partial<IFault>;
  try {
    sent = JSON.parse(text) as Partial<IFault>;
  } catch {
    sent = {};
  }
  return {
    ...NO_PLACE,
    code: null,
    message: '',
    cure: '',
    detail: null,
    ...sent
  };
}
