// Server-sent events, read by hand: the browser's own EventSource cannot send a key.

import {Refused, answered} from "./api.js";

const AGAIN_MS = 2_000;

/** Gives the data of each event to `tell`. A stream that breaks off is opened anew; one that the service refuses is not. */
export function open(path, tell) {
  const controller = new AbortController();
  const {signal} = controller;
  (async () => {
    while (!signal.aborted) {
      try {
        const response = await answered("GET", path, undefined, {signal});
        await read(response.body.getReader(), tell, signal);
      } catch (error) {
        if (error instanceof Refused || signal.aborted) return;
      }
      await new Promise(done => setTimeout(done, AGAIN_MS));
    }
  })();
  return {close: () => controller.abort()};
}

/** An event is lines up to an empty one; those that begin with "data:" hold what it says, others are names and signs of life. */
async function read(reader, tell, signal) {
  const decoder = new TextDecoder();
  let rest = "", data = [];
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, {stream: true})).split("\n");
    rest = lines.pop();
    for (const line of lines.map(line => line.replace(/\r$/, ""))) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line || !data.length) continue;
      if (signal.aborted) return;
      try {
        tell(data.join("\n"));
      } catch (error) {
        reportError(error);  // a fault of the page, not of the stream
      }
      data = [];
    }
  }
}
