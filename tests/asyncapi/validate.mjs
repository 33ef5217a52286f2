// Reads an AsyncAPI document from standard input; prints what is wrong with it, a JSON list, and what it sends.
import { Parser } from "@asyncapi/parser";
import { text } from "node:stream/consumers";

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const wrong = diagnostics.filter(each => each.severity <= 1).map(each => `${each.path.join(".")}: ${each.message}`);
const sent = document ? document.operations().filterBySend().length : 0;
console.log(JSON.stringify({ version: document?.version(), wrong, sent }));
