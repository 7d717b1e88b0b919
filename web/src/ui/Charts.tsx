import { useId } from "preact/hooks";
import { t } from "../i18n/i18n";
import { Empty } from "./Notice";

export interface Value {
  label: string;
  value: number;
  /** The value as it is written. */
  shown: string;
}

interface ChartProps {
  title: string;
  values: Value[];
  /** What the full length stands for; the largest value where it is not given. */
  most?: number;
  /** What is said where there is nothing to draw. */
  empty?: string;
}

const HEIGHT = 100;

/** A list with a bar beside each item: a drawing to the eye, and a list with its numbers to a screen reader. */
export function Bars({ title, values, most, empty }: ChartProps) {
  const id = useId();
  const full = most ?? Math.max(...values.map(({ value }) => value), 1);
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      {values.length === 0 ? (
        <Empty title={empty ?? t("report.nothing")} />
      ) : (
        <ul class="bars">
          {values.map(({ label, value, shown }) => (
            <li key={label}>
              <span class="bar-label">{label}</span>
              <svg class="bar-line" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                <rect width={(100 * value) / full} height={1} />
              </svg>
              <span class="bar-value">{shown}</span>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** Columns in the order of time; the list with their numbers is for screen readers, and for whoever points at one. */
export function Columns({ title, values, empty }: ChartProps) {
  const id = useId();
  const full = Math.max(...values.map(({ value }) => value), 1);
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      {values.length === 0 ? (
        <Empty title={empty ?? t("report.nothing")} />
      ) : (
        <>
          <svg
            class="columns-drawn"
            viewBox={`0 0 ${values.length} ${HEIGHT}`}
            preserveAspectRatio="none"
            aria-hidden="true"
          >
            {values.map(({ label, value, shown }, index) => (
              <rect
                key={label}
                x={index + 0.08}
                width={0.84}
                y={HEIGHT - (HEIGHT * value) / full}
                height={(HEIGHT * value) / full}
              >
                <title>{`${label}: ${shown}`}</title>
              </rect>
            ))}
          </svg>
          <p class="columns-ends" aria-hidden="true">
            <span>{values[0]?.label}</span>
            {values.length > 1 && <span>{values.at(-1)?.label}</span>}
          </p>
          <ul class="unseen">
            {values.map(({ label, shown }) => (
              <li key={label}>{`${label}: ${shown}`}</li>
            ))}
          </ul>
        </>
      )}
    </figure>
  );
}
