import { useEffect, useRef } from "preact/hooks";
import { signOut, state, type App } from "../app";
import { choose, LANGUAGES, language, t, tOr, type Language } from "../i18n/i18n";
import { Detail } from "../pages/Detail";
import { History } from "../pages/History";
import { SignInPage } from "../pages/SignInPage";
import { UploadPage } from "../pages/UploadPage";
import { addressOf, place } from "../router";
import type { SignIn } from "../session/session";
import { Icon } from "./Icon";

/** What stands around every page. */
export function Shell() {
  const now = state.value;
  const main = useRef<HTMLElement>(null);
  const where = place.value;
  const moved = useRef(false);
  useEffect(() => {
    // Who follows a link by keyboard or screen reader goes on at the new page's start.
    if (moved.current) main.current?.focus();
    moved.current = true;
  }, [where.name, where.name === "detail" ? where.uploadId : ""]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        {t("app.skip")}
      </a>
      <header class="bar">
        <a class="brand" href={addressOf({ name: "upload" })}>
          <Icon name="brand" /> {t("app.title")}
        </a>
        {now.name === "signedIn" && <Navigation />}
        <div class="bar-end">
          {now.name === "signedIn" && <Person app={now.app} signIn={now.signIn} />}
          <LanguageChoice />
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <Content />
      </main>
    </>
  );
}

function Content() {
  const now = state.value;
  switch (now.name) {
    case "loading":
      return <p class="quiet">{t("app.loading")}</p>;
    case "broken":
      return (
        <section class="card notice bad" role="alert">
          <h1>{t("app.broken")}</h1>
          <p>{t("app.broken.help", { reason: now.reason })}</p>
        </section>
      );
    case "signedOut":
      return <SignInPage signIn={now.signIn} />;
    case "signedIn":
      return <Current app={now.app} />;
  }
}

function Current({ app }: { app: App }) {
  const where = place.value;
  switch (where.name) {
    case "upload":
      return <UploadPage app={app} />;
    case "history":
      return <History app={app} />;
    case "detail":
      return <Detail key={where.uploadId} app={app} uploadId={where.uploadId} tab={where.tab} />;
  }
}

function Navigation() {
  const where = place.value.name;
  return (
    <nav>
      <a href={addressOf({ name: "upload" })} aria-current={where === "upload" ? "page" : undefined}>
        {t("nav.upload")}
      </a>
      <a href={addressOf({ name: "history" })} aria-current={where === "history" ? "page" : undefined}>
        {t("nav.history")}
      </a>
    </nav>
  );
}

function Person({ app, signIn }: { app: App; signIn: SignIn }) {
  const { user, tenant, role } = app.session;
  return (
    <>
      <span class="person" title={tOr(`role.${role}`, role)}>
        {t("nav.user", { user, tenant })}
      </span>
      <button type="button" class="plain" onClick={() => void signOut(signIn)}>
        {t("nav.signOut")}
      </button>
    </>
  );
}

function LanguageChoice() {
  return (
    <select
      aria-label={t("nav.language")}
      value={language.value}
      onChange={(event) => choose(event.currentTarget.value as Language)}
    >
      {Object.entries(LANGUAGES).map(([code, name]) => (
        <option key={code} value={code} lang={code}>
          {name}
        </option>
      ))}
    </select>
  );
}
