import { cells } from './plugins/cells';
import { commands } from './plugins/commands';
import { deployments } from './plugins/deployments';
import { panel } from './plugins/panel';
import { pipelines } from './plugins/pipelines';
import { records } from './plugins/records';
import { shell } from './plugins/shell';

export default [pipelines, commands, records, cells, panel, deployments, shell];
