/** What a dry run found, and where a proof found differences. */

import * as React from 'react';
import { formatBytes, formatSeconds } from '../format';
import type { IContents, IDifference } from '../kernel';
import { Section, useTranslation } from './shared';

interface IContentsProps {
  contents: IContents;
  /** Show the cell with this label. */
  onCell: (label: string) => void;
}

export function Contents({ contents, onCell }: IContentsProps): JSX.Element {
  const trans = useTranslation();
  const { code, state, files, packages, golden, warnings, sections } = contents;
  const size = [...state, ...files].reduce((sum, one) => sum + one.size, 0);
  const defined = code.filter(piece => piece.cell !== null);
  return (
    <>
      {warnings.length > 0 && (
        <Section title={trans.__('Warnings')} count={warnings.length} open>
          <ul className="jp-Deploy-rows">
            {warnings.map(one => (
              <li key={one} className="jp-Deploy-warning">{one}</li>
            ))}
          </ul>
        </Section>
      )}
      <p className="jp-Deploy-routes">
        {contents.entries.map(one => (
          <code key={one}>POST /{one}</code>
        ))}
      </p>
      <Section title={trans.__('Code')} count={defined.length} open>
        <ul className="jp-Deploy-rows">
          {defined.map(piece => (
            <li key={piece.name}>
              <span className="jp-Deploy-row">
                <code>{piece.name}</code>
                <button type="button" className="jp-Deploy-link jp-mod-quiet" onClick={() => onCell(piece.cell!)}>
                  {piece.cell}
                </button>
              </span>
              {piece.reason !== piece.name && <span className="jp-Deploy-quiet">{piece.reason}</span>}
            </li>
          ))}
        </ul>
        <details className="jp-Deploy-service">
          <summary>service.py</summary>
          <pre tabIndex={0}>{contents.service}</pre>
        </details>
      </Section>
      <Section title={trans.__('Values')} count={state.length ? formatBytes(size) : 0} open={state.length > 0}>
        <ul className="jp-Deploy-rows">
          {state.map(one => (
            <li key={one.name}>
              <span className="jp-Deploy-row">
                <code>{one.name}</code>
                <span className="jp-Deploy-size">{formatBytes(one.size)}</span>
              </span>
              <span className="jp-Deploy-quiet">
                {one.type} · {one.format} · {one.reason}
              </span>
            </li>
          ))}
          {files.map(one => (
            <li key={one.path}>
              <span className="jp-Deploy-row">
                <code>{one.path}</code>
                <span className="jp-Deploy-size">{formatBytes(one.size)}</span>
              </span>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={trans.__('Packages')} count={packages.length}>
        <ul className="jp-Deploy-rows">
          {packages.map(one => (
            <li key={one.name}>
              <span className="jp-Deploy-row">
                <code>{one.name}</code>
                <span className="jp-Deploy-size">{one.version}</span>
              </span>
              <span className="jp-Deploy-quiet">{one.reason}</span>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={trans.__('Golden calls')} count={golden.length}>
        <ul className="jp-Deploy-rows">
          {golden.map((one, index) => (
            <li key={index}>
              <code>{one.entry}</code> <span className="jp-Deploy-quiet">{one.source}</span>
            </li>
          ))}
        </ul>
      </Section>
      {contents.hardware && (
        <Section title={trans.__('Hardware')} count={contents.hardware.lines[0].split(/[,:]/)[0]}>
          <ul className="jp-Deploy-rows">
            {contents.hardware.lines.map(line => (
              <li key={line}>{line.trim()}</li>
            ))}
          </ul>
        </Section>
      )}
      {sections.map(section => (
        <Section key={section.title} title={section.title} count={section.rows.length} open>
          <ul className="jp-Deploy-rows">
            {section.rows.map(one => (
              <li key={one.name}>
                <span className="jp-Deploy-row">
                  <code>{one.name}</code>
                  <span className="jp-Deploy-size">{one.figure}</span>
                </span>
                <span className="jp-Deploy-quiet">{one.reason}</span>
              </li>
            ))}
          </ul>
        </Section>
      ))}
      {contents.event === 'preview' && (
        <p className="jp-Deploy-quiet">{trans.__('Dry run in %1; nothing was changed.', formatSeconds(contents.seconds))}</p>
      )}
    </>
  );
}

/** Where the service answered something else than the notebook: one under the other, as values may be long. */
export function Differences({ rows }: { rows: IDifference[] }): JSX.Element {
  const trans = useTranslation();
  return (
    <div className="jp-Deploy-scroll" tabIndex={0} role="region" aria-label={trans.__('Differences')}>
      <ul className="jp-Deploy-rows">
        {rows.map((one, index) => (
          <li key={index}>
            <span className="jp-Deploy-row jp-mod-wrapped">
              <code>{one.path}</code>
              <span className="jp-Deploy-quiet">
                {one.entry} ({one.source})
              </span>
            </span>
            <dl className="jp-Deploy-pair">
              <dt>{trans.__('notebook')}</dt>
              <dd>{one.notebook}</dd>
              <dt>{trans.__('service')}</dt>
              <dd>{one.service}</dd>
            </dl>
          </li>
        ))}
      </ul>
    </div>
  );
}
