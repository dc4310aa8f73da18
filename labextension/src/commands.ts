/**
 * Commands: the ids under which our verbs are reached from toolbars, menus, the palette and other extensions.
 */
export const CommandIDs = {
  ship: 'nb2prod:ship',
  run: 'nb2prod:run',
  cancel: 'nb2prod:cancel',
  setStage: 'nb2prod:set-stage',
  showPanel: 'nb2prod:show-panel',
  openExecuted: 'nb2prod:open-executed',
  compare: 'nb2prod:compare',
  create: 'nb2prod:create-notebook',
  suggest: 'nb2prod:suggest',
  promote: 'nb2prod:promote',
  rollback: 'nb2prod:rollback',
  retire: 'nb2prod:retire',
  help: 'nb2prod:help'
} as const;

/** The id of the side panel. */
export const PANEL = 'nb2prod-panel';
