import { useState } from "preact/hooks";
import { enter } from "../app";
import { loadConfig, type LocalPerson } from "../config";
import { t, tOr } from "../i18n/i18n";
import { LocalSignIn } from "../session/local";
import type { SignIn } from "../session/session";
import { ErrorNotice } from "../ui/Notice";

export function SignInPage({ signIn }: { signIn: SignIn }) {
  return (
    <section class="card narrow">
      <h1>{t("signIn.title")}</h1>
      {signIn instanceof LocalSignIn ? <People signIn={signIn} /> : <Elsewhere signIn={signIn} />}
    </section>
  );
}

function Elsewhere({ signIn }: { signIn: SignIn }) {
  const [error, setError] = useState<unknown>(null);
  return (
    <>
      <p>{t("signIn.help")}</p>
      <button type="button" class="primary" onClick={() => signIn.begin().catch(setError)}>
        {t("signIn.begin")}
      </button>
      {error != null && <ErrorNotice error={error} />}
    </>
  );
}

/** The local run's ready-made people, by their tenants. */
function People({ signIn }: { signIn: LocalSignIn }) {
  const tenants = [...new Set(signIn.people.map((person) => person.tenant))];
  return (
    <>
      <p>{t("signIn.local")}</p>
      {tenants.map((tenant) => (
        <section key={tenant} aria-label={tenant}>
          <h2>{tenant}</h2>
          <ul class="people">
            {signIn.people
              .filter((person) => person.tenant === tenant)
              .map((person) => (
                <li key={person.token}>
                  <Choice person={person} signIn={signIn} />
                </li>
              ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function Choice({ person, signIn }: { person: LocalPerson; signIn: LocalSignIn }) {
  async function choose(): Promise<void> {
    signIn.choose(person);
    await enter(await loadConfig(), signIn);
  }
  return (
    <button type="button" onClick={() => void choose()}>
      <strong>{person.name}</strong> <span class="quiet">{tOr(`role.${person.role}`, person.role)}</span>
    </button>
  );
}
