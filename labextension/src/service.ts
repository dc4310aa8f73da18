/**
 * Service: nb2prod's verbs over HTTP. Nothing else in this extension speaks to the server.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { PartialJSONObject } from '@lumino/coreutils';
import type {
  IFault,
  IGraph,
  IJournalPage,
  IOptionForm,
  IPipelineService,
  IRelease,
  IRunSummary,
  IServiceState,
  IStep,
  RunEvent,
  Verb
} from './tokens';

const NAMESPACE = 'nb2prod/api';

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

  async plan(path: string, content: PartialJSONObject): Promise<readonly IStep[]> {
    return (await this._request<{ steps: readonly IStep[] }>('plan', 'POST', {}, { path, content })).steps;
  }

  async start(path: string, verb: Verb): Promise<string> {
    return (await this._request<{ run: string }>('runs', 'POST', {}, { path, verb, parameters: {} })).run;
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

  private async _request<T>(
    route: string,
    method: string,
    query: Record<string, string>,
    body?: PartialJSONObject
  ): Promise<T> {
    const url = URLExt.join(this._settings.baseUrl, NAMESPACE, route) + URLExt.objectToQueryString(query);
    const init: RequestInit = {
      method,
      ...(body ? { body: JSON.stringify(body) } : {})
    };
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this._settings);
    } catch {
      throw new ServiceFault({ ...NO_PLACE, code: null, message: '', cure: '', detail: null }, 0);
    }
    const text = await response.text();
    if (!response.ok) {
      throw new ServiceFault(faultOf(text), response.status);
    }
    return (text ? JSON.parse(text) : undefined) as T;
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
