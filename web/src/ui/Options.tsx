import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { t } from "../i18n/i18n";
import type { SendOptions } from "../upload/sender";

const KEY = "linefeed:options";
const ZONES = Intl.supportedValuesOf("timeZone");
const PRIORITIES = ["high", "normal", "low"] as const;

export interface ChosenOptions {
  workUnitId: string;
  deduplicate: boolean;
  validateData: boolean;
  dryRun: boolean;
  preview: boolean;
  timeZone: string;
  priority: (typeof PRIORITIES)[number];
}

const DEFAULTS: ChosenOptions = {
  workUnitId: "",
  deduplicate: true,
  validateData: true,
  dryRun: false,
  preview: false,
  timeZone: "",
  priority: "normal",
};

/** What was chosen last; the dry run alone is chosen anew each time. */
export function rememberedOptions(): ChosenOptions {
  const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<ChosenOptions>;
  return { ...DEFAULTS, ...kept, dryRun: false };
}

export function remember(options: ChosenOptions): void {
  localStorage.setItem(KEY, JSON.stringify(options));
}

export function asRequest({ timeZone, ...options }: ChosenOptions): SendOptions {
  return { ...options, ...(timeZone ? { timeZone } : {}) };
}

interface OptionsProps {
  value: ChosenOptions;
  onChange: (value: ChosenOptions) => void;
  /** Whether to say that the work unit is missing. */
  complain: boolean;
}

export function OptionsForm({ value, onChange, complain }: OptionsProps) {
  const set = (part: Partial<ChosenOptions>): void => onChange({ ...value, ...part });
  const missing = complain && !value.workUnitId.trim();
  return (
    <fieldset class="options">
      <legend>{t("upload.options")}</legend>
      <Field label={t("option.workUnit")} help={missing ? t("option.workUnit.missing") : t("option.workUnit.help")} bad={missing}>
        {(ids) => (
          <input
            {...ids}
            name="workUnitId"
            required
            maxLength={100}
            autocomplete="on"
            aria-invalid={missing}
            value={value.workUnitId}
            onInput={(event) => set({ workUnitId: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("option.timeZone")} help={t("option.timeZone.help")}>
        {(ids) => (
          <select {...ids} value={value.timeZone} onChange={(event) => set({ timeZone: event.currentTarget.value })}>
            <option value="">{t("option.timeZone.none")}</option>
            {ZONES.map((zone) => (
              <option key={zone}>{zone}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t("option.priority")}>
        {(ids) => (
          <select
            {...ids}
            value={value.priority}
            onChange={(event) => set({ priority: event.currentTarget.value as ChosenOptions["priority"] })}
          >
            {PRIORITIES.map((priority) => (
              <option key={priority} value={priority}>
                {t(`option.priority.${priority}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Switch name="deduplicate" value={value} set={set} />
      <Switch name="validateData" value={value} set={set} words="validate" />
      <Switch name="preview" value={value} set={set} />
      <Switch name="dryRun" value={value} set={set} />
    </fieldset>
  );
}

type SwitchName = "deduplicate" | "validateData" | "preview" | "dryRun";

interface SwitchProps {
  name: SwitchName;
  words?: "validate";
  value: ChosenOptions;
  set: (part: Partial<ChosenOptions>) => void;
}

function Switch({ name, words, value, set }: SwitchProps) {
  const key = words ?? (name as Exclude<SwitchName, "validateData">);
  const id = useId();
  return (
    <div class="switch">
      <input
        id={id}
        type="checkbox"
        name={name}
        checked={value[name]}
        aria-describedby={`${id}-help`}
        onChange={(event) => set({ [name]: event.currentTarget.checked })}
      />
      <label for={id}>{t(`option.${key}`)}</label>
      <p class="help" id={`${id}-help`}>
        {t(`option.${key}.help`)}
      </p>
    </div>
  );
}

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
