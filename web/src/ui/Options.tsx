import { useId } from "preact/hooks";
import { t } from "../i18n/i18n";
import type { SendOptions } from "../upload/sender";
import { Field } from "./Field";
import { ZONES } from "./zones";

const KEY = "linefeed:options";
const SWITCHES = ["deduplicate", "validateData", "preview", "dryRun"] as const;
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

export function asRequest({ timeZone, preview, ...options }: ChosenOptions): SendOptions {
  return { ...options, ...(timeZone ? { timeZone } : {}), ...(preview ? { preview } : {}) };
}

interface OptionsProps {
  value: ChosenOptions;
  /** Options that are not asked for. */
  fixed: Partial<ChosenOptions>;
  onChange: (value: ChosenOptions) => void;
  /** Whether to say that the work unit is missing. */
  complain: boolean;
}

export function OptionsForm({ value, fixed, onChange, complain }: OptionsProps) {
  const asked = (name: keyof ChosenOptions): boolean => fixed[name] === undefined;
  const set = (part: Partial<ChosenOptions>): void => onChange({ ...value, ...part });
  const missing = complain && !value.workUnitId.trim();
  return (
    <fieldset class="options">
      <legend>{t("upload.options")}</legend>
      {asked("workUnitId") && (
        <Field
          label={t("option.workUnit")}
          help={missing ? t("option.workUnit.missing") : t("option.workUnit.help")}
          bad={missing}
        >
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
      )}
      {asked("timeZone") && (
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
      )}
      {asked("priority") && (
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
      )}
      {SWITCHES.filter(asked).map((name) => (
        <Switch key={name} name={name} value={value} set={set} />
      ))}
    </fieldset>
  );
}

interface SwitchProps {
  name: (typeof SWITCHES)[number];
  value: ChosenOptions;
  set: (part: Partial<ChosenOptions>) => void;
}

function Switch({ name, value, set }: SwitchProps) {
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
      <label for={id}>{t(`option.${name}`)}</label>
      <p class="help" id={`${id}-help`}>
        {t(`option.${name}.help`)}
      </p>
    </div>
  );
}
