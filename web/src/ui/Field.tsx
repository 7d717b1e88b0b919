import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  help?: string;
  bad?: boolean;
  children: (ids: { id: string; "aria-describedby"?: string }) => ComponentChildren;
}

/** A labelled control with its explanation. */
export function Field({ label, help, bad = false, children }: FieldProps) {
  const id = useId();
  return (
    <div class={bad ? "field bad" : "field"}>
      <label for={id}>{label}</label>
      {children({ id, ...(help ? { "aria-describedby": `${id}-help` } : {}) })}
      {help && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}
