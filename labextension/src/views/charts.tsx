/** Small charts, drawn as SVG: lines over the last minutes, day or month. */

import * as React from 'react';
import type { ISample } from '../api';
import type { IWindow } from '../endpoints';
import { formatBytes, formatMoment, formatRate, formatSeconds } from '../format';
import { linePath, roundTop, spread } from '../series';
import { useTranslation } from './shared';

const WIDTH = 280;
const HEIGHT = 56;
const SLOTS = 140;

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
  now: string;
  samples: ISample[];
  time: number;
  window: IWindow;
  lines: ILine[];
  format: (value: number) => string;
}

function Chart({ title, now, samples, time, window, lines, format }: IChartProps): JSX.Element {
  const trans = useTranslation();
  const drawn = lines.map(line => ({ ...line, values: spread(samples, time, window.seconds, SLOTS, line.read, line.empty ?? null) }));
  const top = roundTop(drawn.flatMap(line => line.values));
  const label = trans.__('%1, last %2: now %3, at most %4', title, window.label, now, format(top));
  return (
    <figure className="jp-Deploy-chart">
      <figcaption>
        <span>{title}</span>
        <strong>{now}</strong>
      </figcaption>
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} role="img" aria-label={label}>
        <path className="jp-Deploy-grid" d={`M0,0H${WIDTH}M0,${HEIGHT / 2}H${WIDTH}M0,${HEIGHT}H${WIDTH}`} />
        {drawn.map(line => (
          <path key={line.name} className={`jp-Deploy-line jp-mod-${line.tone}`} d={linePath(line.values, WIDTH, HEIGHT, top)} />
        ))}
      </svg>
      <div className="jp-Deploy-legend">
        <span>{formatMoment(time - window.seconds)}</span>
        {lines.length > 1 && lines.map(line => <span key={line.name} className={`jp-mod-${line.tone}`}>{line.name}</span>)}
        <span>{trans.__('top %1', format(top))}</span>
      </div>
    </figure>
  );
}

interface IChartsProps {
  samples: ISample[];
  time: number;
  window: IWindow;
}

/** All charts of an endpoint. */
export function Charts({ samples, time, window }: IChartsProps): JSX.Element {
  const trans = useTranslation();
  const last = samples[samples.length - 1];
  const fresh = last && time - last.time < Math.max(10, window.resolution) ? last : undefined;
  const common = { samples, time, window };
  const latest = [...samples].reverse().find(sample => sample.p95 !== null);
  return (
    <>
      <Chart
        {...common}
        title={trans.__('Requests a second')}
        now={formatRate(fresh?.rate ?? 0)}
        format={formatRate}
        lines={[
          { name: trans.__('requests'), tone: 'main', read: sample => sample.rate, empty: 0 },
          { name: trans.__('errors'), tone: 'bad', read: sample => sample.error_rate || null }
        ]}
      />
      <Chart
        {...common}
        title={trans.__('Latency')}
        now={latest ? `p95 ${formatSeconds(latest.p95)}` : '–'}
        format={formatSeconds}
        lines={[
          { name: 'p50', tone: 'main', read: sample => sample.p50 },
          { name: 'p95', tone: 'second', read: sample => sample.p95 },
          { name: 'p99', tone: 'third', read: sample => sample.p99 }
        ]}
      />
      <Chart
        {...common}
        title={trans.__('Processor')}
        now={trans.__('%1 % of a core', ((fresh?.cpu ?? 0) * 100).toFixed(0))}
        format={value => `${(value * 100).toFixed(0)} %`}
        lines={[{ name: trans.__('processor'), tone: 'main', read: sample => sample.cpu }]}
      />
      <Chart
        {...common}
        title={trans.__('Memory')}
        now={last ? formatBytes(last.memory) : '–'}
        format={formatBytes}
        lines={[{ name: trans.__('memory'), tone: 'main', read: sample => sample.memory }]}
      />
    </>
  );
}
