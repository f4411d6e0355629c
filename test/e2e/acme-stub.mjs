// Stands in for two things on the internet, for tests of certificates: the name servers of certs.test, and
// DigitalOcean's API for the records of a domain. What is written to the one is answered by the other.
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { networkInterfaces } from "node:os";

const ZONE = "certs.test";
const TYPES = { A: 1, NS: 2, SOA: 6, TXT: 16 };
const own = networkInterfaces().eth0?.[0]?.address;
const token = process.argv[2];
const addresses = new Map([[`ns1.${ZONE}`, own]]);
const records = new Map();
const calls = [];
let lastId = 100;

const encodeName = (name) =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);

function resource(name, type, data) {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(1, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), head, data]);
}

const soa = () => {
  const numbers = Buffer.alloc(20);
  for (const [index, value] of [1, 60, 60, 60, 1].entries()) numbers.writeUInt32BE(value, index * 4);
  return resource(
    ZONE,
    TYPES.SOA,
    Buffer.concat([encodeName(`ns1.${ZONE}`), encodeName(`ops.${ZONE}`), numbers]),
  );
};

function answersTo(name, type) {
  const wild = addresses.get(name) ?? addresses.get(name.replace(/^[^.]+/, "*"));
  if (type === TYPES.A && wild) return [resource(name, type, Buffer.from(wild.split(".").map(Number)))];
  if (type === TYPES.SOA && name === ZONE) return [soa()];
  if (type === TYPES.NS && name === ZONE) return [resource(name, type, encodeName(`ns1.${ZONE}`))];
  if (type === TYPES.TXT)
    return [...records.values()]
      .filter((record) => record.type === "TXT" && record.name === name)
      .map(({ data }) =>
        resource(name, type, Buffer.concat([Buffer.from([data.length]), Buffer.from(data)])),
      );
  return [];
}

function answer(query) {
  const labels = [];
  let at = 12;
  while (query[at]) {
    labels.push(
      query
        .subarray(at + 1, at + 1 + query[at])
        .toString()
        .toLowerCase(),
    );
    at += query[at] + 1;
  }
  const question = query.subarray(12, at + 5);
  const name = labels.join(".");
  const answers = answersTo(name, query.readUInt16BE(at + 1));
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  // An answer, with authority; names that are not ours do not exist.
  const known = name === ZONE || name.endsWith(`.${ZONE}`);
  head.writeUInt16BE(known ? 0x8580 : 0x8583, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(answers.length === 0 ? 1 : 0, 8);
  return Buffer.concat([head, question, ...answers, ...(answers.length === 0 ? [soa()] : [])]);
}

const dns = createSocket("udp4");
dns.on("message", (query, from) => dns.send(answer(query), from.port, from.address));
dns.bind(53);
// pebble asks over TCP: each message behind its length.
createTcpServer((socket) => {
  let waiting = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length > 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      const said = answer(waiting.subarray(2, end));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(said.length);
      socket.write(Buffer.concat([length, said]));
      waiting = waiting.subarray(end);
    }
  });
}).listen(53);

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://stub");
  const json = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(value === undefined ? "" : JSON.stringify(value));
  };
  // The test's own doors.
  if (pathname === "/calls") return json(200, calls);
  if (pathname === "/records") return json(200, [...records.values()]);
  if (pathname === "/address") {
    addresses.set(searchParams.get("name"), searchParams.get("ip"));
    return json(200, {});
  }
  // DigitalOcean's: docs.digitalocean.com/reference/api, domain records.
  const match = new RegExp(`^/v2/domains/${ZONE}/records(?:/(\\d+))?$`).exec(pathname);
  calls.push(`${request.method} ${pathname}`);
  if (request.headers.authorization !== `Bearer ${token}`)
    return json(401, { id: "Unauthorized", message: "Unable to authenticate you" });
  if (!match)
    return json(404, { id: "not_found", message: "The resource you were accessing could not be found." });
  if (request.method === "DELETE") {
    const found = records.delete(Number(match[1]));
    return found ? json(204) : json(404, { id: "not_found", message: "The record was not found." });
  }
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    const { type, name, data, ttl } = JSON.parse(body);
    const id = ++lastId;
    records.set(id, { id, type, name: name.toLowerCase().replace(/\.$/, ""), data, ttl });
    json(201, { domain_record: { id, type, name, data, ttl } });
  });
}).listen(80);
