/**
 * Viewport: a drawing that may be larger than its place: scrolled, dragged and zoomed.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { CSSProperties, JSX, KeyboardEvent, PointerEvent, RefObject } from 'react';
import { useTrans } from './context';

const LEAST = 0.2;
const MOST = 3;

/** What one press of a key or a button does. */
const STEP = 1.25;

/** Smaller than this, a drawing that was fitted could not be read: it is scrolled instead. */
const LEGIBLE = 0.6;

export interface IViewportProps {
  readonly width: number;
  readonly height: number;
  readonly children: (size: CSSProperties) => JSX.Element;
}

export function Viewport({ width, height, children }: IViewportProps): JSX.Element {
  const trans = useTrans();
  const place = useRef<HTMLDivElement>(null);
  const { zoom, by, fit } = useZoom(place, width);
  const onDrag = useDrag(place);
  const onKeyDown = (event: KeyboardEvent): void => {
    const act = { '+': () => by(STEP), '=': () => by(STEP), '-': () => by(1 / STEP), '0': fit }[event.key];
    if (act && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      act();
    }
  };
  const size: CSSProperties =
    zoom === null
      ? { width: `clamp(${width * LEGIBLE}px, 100%, ${width}px)` }
      : { width: width * zoom, height: height * zoom };
  return (
    <div className="jp-nb2prod-Viewport" data-zoom={zoom ?? 'fit'} onKeyDown={onKeyDown}>
      <div className="jp-nb2prod-Viewport-place" ref={place} onPointerDown={onDrag}>
        {children(size)}
      </div>
      <div className="jp-nb2prod-Viewport-buttons" role="group" aria-label={trans.__('Zoom')}>
        <button title={trans.__('Zoom out (−)')} aria-label={trans.__('Zoom out')} onClick={() => by(1 / STEP)}>
          −
        </button>
        <button title={trans.__('Fit (0)')} aria-label={trans.__('Fit the graph')} onClick={fit}>
          ⤢
        </button>
        <button title={trans.__('Zoom in (+)')} aria-label={trans.__('Zoom in')} onClick={() => by(STEP)}>
          +
        </button>
      </div>
    </div>
  );
}

/** A factor, or null for «as wide as the place». What is under the pointer stays under it. */
function useZoom(place: RefObject<HTMLDivElement>, width: number) {
  const [zoom, setZoom] = useState<number | null>(null);
  const kept = useRef<{ readonly x: number; readonly y: number; readonly factor: number } | null>(null);
  const by = (factor: number, at?: { readonly x: number; readonly y: number }): void => {
    const node = place.current;
    const now = zoom ?? (node?.firstElementChild?.getBoundingClientRect().width ?? width) / width;
    const next = Math.min(MOST, Math.max(LEAST, now * factor));
    const middle = at ?? { x: (node?.clientWidth ?? 0) / 2, y: (node?.clientHeight ?? 0) / 2 };
    kept.current = { ...middle, factor: next / now };
    setZoom(next);
  };
  const latest = useRef(by);
  latest.current = by;
  useLayoutEffect(() => {
    const node = place.current;
    if (node && kept.current) {
      const { x, y, factor } = kept.current;
      node.scrollLeft = (node.scrollLeft + x) * factor - x;
      node.scrollTop = (node.scrollTop + y) * factor - y;
      kept.current = null;
    }
  }, [zoom]);
  useEffect(() => {
    const node = place.current;
    const onWheel = (event: WheelEvent): void => {
      if (node && (event.ctrlKey || event.metaKey)) {
        event.preventDefault(); // of the page's own zoom, for which React's listener comes too late
        const box = node.getBoundingClientRect();
        latest.current(Math.exp(-event.deltaY / 300), { x: event.clientX - box.left, y: event.clientY - box.top });
      }
    };
    node?.addEventListener('wheel', onWheel, { passive: false });
    return () => node?.removeEventListener('wheel', onWheel);
  }, [place]);
  return { zoom, by, fit: () => setZoom(null) };
}

/** Drag the paper, not what is drawn on it. */
function useDrag(place: RefObject<HTMLDivElement>) {
  return (event: PointerEvent): void => {
    const node = place.current;
    const onPaper = event.target === node || (event.target as Element).classList.contains('jp-nb2prod-Graph');
    if (!node || !onPaper || event.button !== 0) {
      return;
    }
    const start = { x: event.clientX + node.scrollLeft, y: event.clientY + node.scrollTop };
    const onMove = (moved: globalThis.PointerEvent): void => {
      node.scrollLeft = start.x - moved.clientX;
      node.scrollTop = start.y - moved.clientY;
    };
    const onUp = (): void => {
      document.removeEventListener('pointermove', onMove);
      document.removeEventListener('pointerup', onUp);
    };
    document.addEventListener('pointermove', onMove);
    document.addEventListener('pointerup', onUp);
  };
}
