/**
 * Icons of nb2prod, drawn in the theme's colours.
 */
import { LabIcon } from '@jupyterlab/ui-components';
import pipeline from '../style/pipeline.svg';
import ship from '../style/ship.svg';

export const pipelineIcon = new LabIcon({
  name: 'nb2prod:pipeline',
  svgstr: pipeline
});
export const shipIcon = new LabIcon({ name: 'nb2prod:ship', svgstr: ship });
