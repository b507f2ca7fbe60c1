// Node loads this first: no connection may leave this machine, and each try is noted.
const dns = require("node:dns");
const fs = require("node:fs");
const net = require("node:net");

const local = (host) => !host || host === "localhost" || host === "::1" || /^127\./.test(host);

function refuse(host) {
  fs.appendFileSync(process.env.ADVGAME_NETWORK_LOG, `${host}\n`);
  const error = new Error(`no contact with ${host}`);
  error.code = "ECONNREFUSED";
  return error;
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const first = Array.isArray(given[0]) ? given[0][0] : given[0];
  const host = first && typeof first === "object" ? first.host : given[1];
  if (typeof host === "string" && !(first && first.path) && !local(host)) {
    process.nextTick(() => this.destroy(refuse(host)));
    return this;
  }
  return connect.apply(this, given);
};
const lookup = dns.lookup;
dns.lookup = (host, ...rest) =>
  local(host) || net.isIP(host) ? lookup(host, ...rest) : rest.at(-1)(refuse(host));
