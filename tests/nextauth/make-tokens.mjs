// Sessions as the real packages make them: a JSON list of requests on standard input, one of answers on output.
// A request is {"version": 4 | 5, "claims": {…}, "secret": "…", "salt": "…", "maxAge": seconds, "cookie": "name"};
// its answer {"token": "…", "cookies": ["name=value", …]}, with the cookies as long tokens are cut for a browser.
import { encode as encode5 } from "@auth/core/jwt";
import nextAuth4 from "next-auth/jwt";
import { readFileSync } from "node:fs";
import { SessionStore as Store5 } from "./node_modules/@auth/core/lib/utils/cookie.js";
import cookies4 from "./node_modules/next-auth/core/lib/cookie.js";

const logger = { debug() {} };
const encoders = { 4: nextAuth4.encode, 5: encode5 };
const stores = {
  4: (option) => new cookies4.SessionStore(option, { cookies: {}, headers: {} }, logger),
  5: (option) => new Store5(option, {}, logger),
};

async function answer({ version, claims, secret, salt, maxAge, cookie }) {
  const token = await encoders[version]({ token: claims, secret, salt, maxAge });
  const chunks = stores[version]({ name: cookie, options: {} }).chunk(token, {});
  return { token, cookies: chunks.map(({ name, value }) => `${name}=${value}`) };
}

const requests = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(requests.map(answer))));
