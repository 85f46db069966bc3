/** Small charts, drawn as SVG: lines over the last minutes, day or month. */

import * as React from 'react';
import type { ISample, IStatus } from '../api';
import { nameWindow, type IWindow } from '../endpoints';
import { formatBytes, formatCount, formatMoment, formatRate, formatSeconds, formatShare, formatTime } from '../format';
import { findStart, linePath, roundTop, spread } from '../series';
import { useTranslation } from './shared';

const WIDTH = 140;
const HEIGHT = 34;
const SLOTS = 70;
/** Seconds after which a sample is no longer how it is now. */
const FRESH = 10;

/** The requests a second of the last minutes, without axes. */
export function Spark({ values, label }: { values: number[]; label: string }): JSX.Element {
  const top = Math.max(...values, 0.001);
  const line = linePath(values, 72, 18, top);
  return (
    <svg className="jp-Deploy-spark" viewBox="-1 -1 74 20" role="img" aria-label={label}>
      <path className="jp-Deploy-fill" d={`${line}L72,18L0,18Z`} />
      <path className="jp-Deploy-line" d={line} />
    </svg>
  );
}

interface ILine {
  name: string;
  /** One of the colours of the style sheet. */
  tone: 'main' | 'second' | 'third' | 'bad';
  read: (sample: ISample) => number | null;
  /** What a stretch without samples shows; nothing unless it is known that nothing happened. */
  empty?: number;
}

interface IChartProps {
  title: string;
  /** The figure of now. */
  now: string;
  /** What stands behind the figure. */
  note?: string;
  samples: ISample[];
  time: number;
  window: IWindow;
  lines: ILine[];
  /** What the scale shows at least: what is below is noise. */
  least?: number;
  format: (value: number) => string;
}

function Chart({ title, now, note, samples, time, window, lines, least, format }: IChartProps): JSX.Element {
  const trans = useTranslation();
  const [pointed, point] = React.useState<number | null>(null);
  const start = findStart(samples, time, window.seconds);
  const drawn = lines.map(line => ({ ...line, values: spread(samples, time, time - start, SLOTS, line.read, line.empty ?? null) }));
  const known = drawn.flatMap(line => line.values).some(value => value !== null);
  const top = roundTop(drawn.flatMap(line => line.values), least);
  const shown = pointed === null ? [] : drawn.filter(line => line.values[pointed] !== null);
  const label = trans.__('%1, last %2: now %3, the chart’s top is %4', title, nameWindow(window, trans), now, format(top));
  const moment = (slot: number) => {
    const at = start + ((slot + 1) / SLOTS) * (time - start);
    return window.resolution === 1 ? formatTime(at) : formatMoment(at);
  };
  return (
    <figure className="jp-Deploy-chart">
      <figcaption>
        <span>{pointed === null ? title : moment(pointed)}</span>
        {pointed === null ? (
          <strong>{now}</strong>
        ) : (
          <span className="jp-Deploy-pointed">
            {shown.length
              ? shown.map(line => (
                  <strong key={line.name} className={lines.length > 1 ? `jp-mod-${line.tone}` : undefined}>
                    {format(line.values[pointed]!)}
                  </strong>
                ))
              : '–'}
          </span>
        )}
      </figcaption>
      <div className="jp-Deploy-plot">
        <span className="jp-Deploy-top" aria-hidden="true">
          {known && format(top)}
        </span>
        <svg
          viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={label}
          onPointerMove={event => {
            const box = event.currentTarget.getBoundingClientRect();
            point(Math.max(0, Math.min(SLOTS - 1, Math.floor(((event.clientX - box.left) / box.width) * SLOTS))));
          }}
          onPointerLeave={() => point(null)}
        >
          <path className="jp-Deploy-grid" d={`M0,0H${WIDTH}M0,${HEIGHT}H${WIDTH}`} />
          {drawn.map(line => (
            <path key={line.name} className={`jp-Deploy-line jp-mod-${line.tone}`} d={linePath(line.values, WIDTH, HEIGHT, top)} />
          ))}
          {pointed !== null && (
            <path className="jp-Deploy-mark" d={`M${((pointed / (SLOTS - 1)) * WIDTH).toFixed(1)},0V${HEIGHT}`} />
          )}
        </svg>
      </div>
      <div className="jp-Deploy-legend">
        {note && <span>{note}</span>}
        {lines.length > 1 && lines.map(line => <span key={line.name} className={`jp-mod-${line.tone}`}>{line.name}</span>)}
      </div>
    </figure>
  );
}

interface IChartsProps {
  samples: ISample[];
  status: IStatus;
  time: number;
  window: IWindow;
}

/** All charts of an endpoint. */
export function Charts({ samples, status, time, window }: IChartsProps): JSX.Element {
  const trans = useTranslation();
  const last = samples[samples.length - 1];
  const fresh = last && time - last.time < Math.max(FRESH, window.resolution) ? last : undefined;
  const common = { samples, time, window };
  const latest = [...samples].reverse().find(sample => sample.p95 !== null);
  const answered = samples.reduce((sum, sample) => sum + sample.requests, 0);
  const failed = samples.reduce((sum, sample) => sum + sample.errors, 0);
  const start = findStart(samples, time, window.seconds);
  const live = status.state === 'live';
  return (
    <div>
      <div className="jp-Deploy-charts">
        <Chart
          {...common}
          title={trans.__('Requests/s')}
          now={formatRate(fresh?.rate ?? 0)}
          note={trans.__('%1 in all', formatCount(answered))}
          format={formatRate}
          lines={[{ name: trans.__('requests'), tone: 'main', read: sample => sample.rate, empty: 0 }]}
        />
        <Chart
          {...common}
          title={trans.__('Latency p95')}
          now={formatSeconds(latest?.p95)}
          least={0.001}
          format={formatSeconds}
          lines={[
            { name: 'p50', tone: 'second', read: sample => sample.p50 },
            { name: 'p95', tone: 'main', read: sample => sample.p95 },
            { name: 'p99', tone: 'third', read: sample => sample.p99 }
          ]}
        />
        <Chart
          {...common}
          title={trans.__('Errors')}
          now={formatCount(failed)}
          note={failed ? trans.__('%1 of requests', formatShare(failed / Math.max(1, answered))) : trans.__('none')}
          format={formatCount}
          lines={[{ name: trans.__('errors'), tone: 'bad', read: sample => (failed ? sample.errors : null), empty: failed ? 0 : undefined }]}
        />
        <Chart
          {...common}
          title={trans.__('In flight')}
          now={formatCount(fresh?.in_flight ?? 0)}
          note={trans.__('at most %1', formatCount(Math.max(0, ...samples.map(sample => sample.in_flight))))}
          format={formatCount}
          lines={[{ name: trans.__('in flight'), tone: 'main', read: sample => sample.in_flight, empty: 0 }]}
        />
        <Chart
          {...common}
          title={trans.__('Processor')}
          now={fresh ? formatShare(fresh.cpu) : live ? trans.__('idle') : '–'}
          note={trans._n('%2 of %1 worker', '%2 of %1 workers', status.wanted_workers, status.workers)}
          least={0.1}
          format={formatShare}
          lines={[{ name: trans.__('processor'), tone: 'main', read: sample => sample.cpu }]}
        />
        <Chart
          {...common}
          title={trans.__('Memory')}
          now={last && live ? formatBytes(last.memory) : '–'}
          note={trans.__('all workers')}
          least={1e7}
          format={formatBytes}
          lines={[{ name: trans.__('memory'), tone: 'main', read: sample => sample.memory }]}
        />
        {samples.some(sample => (sample.batch ?? 0) > 1) && (
          <Chart
            {...common}
            title={trans.__('Batch size')}
            now={fresh?.batch ? fresh.batch.toFixed(1) : '–'}
            note={trans.__('requests together')}
            format={value => value.toFixed(1)}
            lines={[{ name: trans.__('batch size'), tone: 'main', read: sample => sample.batch }]}
          />
        )}
        {samples.some(sample => sample.gpu_memory !== null) && (
          <>
            <Chart
              {...common}
              title={trans.__('GPU')}
              now={fresh?.gpu != null ? formatShare(fresh.gpu) : '–'}
              note={trans.__('of its time')}
              format={formatShare}
              lines={[{ name: trans.__('GPU'), tone: 'main', read: sample => sample.gpu }]}
            />
            <Chart
              {...common}
              title={trans.__('GPU memory')}
              now={last?.gpu_memory != null && live ? formatBytes(last.gpu_memory) : '–'}
              note={trans.__('all workers')}
              format={formatBytes}
              lines={[{ name: trans.__('GPU memory'), tone: 'main', read: sample => sample.gpu_memory }]}
            />
          </>
        )}
      </div>
      <div className="jp-Deploy-axis">
        <span>{window.resolution === 1 ? formatTime(start) : formatMoment(start)}</span>
        <span>{trans.__('now')}</span>
      </div>
    </div>
  );
}
