import { cells } from './plugins/cells';
import { commands } from './plugins/commands';
import { panel } from './plugins/panel';
import { pipelines } from './plugins/pipelines';

export default [pipelines, commands, cells, panel];
