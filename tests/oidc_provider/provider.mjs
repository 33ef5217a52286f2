// A real OpenID provider on a free port of this machine. It signs people in without asking: `login_hint` names the
// account. Its first line of output is its port; each line of input is a command in JSON, answered by a line:
//   {"keys": [private JWK, …]}      sign with the first from now on, and publish these
//   {"account": {"sub": …, …}}      what is said of an account from now on
//   {"id_token": "…"}               the next answer of the token endpoint carries this one instead
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

console.info = console.warn = console.error; // the provider warns of http, and output is for answers

const start = JSON.parse(process.argv[2]);
const accounts = new Map();
let provider;
let replaced = null;

function configured(issuer, keys) {
  const made = new Provider(issuer, {
    clients: start.clients.map((client) => ({ ...client, response_types: ["code"] })),
    jwks: { keys },
    cookies: { keys: ["of the tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => accounts.get(sub) ?? { sub } }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  });
  made.use(async (ctx, next) => {
    await next();
    if (replaced !== null && ctx.path === "/token" && ctx.status === 200) {
      ctx.body.id_token = replaced;
      replaced = null;
    }
  });
  return made;
}

async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

const server = createServer((request, response) => {
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  return interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  provider = configured(issuer, start.keys);
  console.log(port);
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { keys, account, id_token: token } = JSON.parse(line);
    if (keys) provider = configured(issuer, keys);
    if (account) accounts.set(account.sub, account);
    if (token) replaced = token;
    console.log("done");
  }).on("close", () => process.exit());
});
