// The API's docs, drawn by Swagger UI; where the service wants a key, it is asked for as on the page, and "Authorize" has it already.

import {ask} from "./api.js";
import {byId} from "./dom.js";
import {authorization} from "./key.js";

const place = byId("swagger-ui");

try {
  const spec = await ask("GET", place.dataset.document);
  const drawn = window.SwaggerUIBundle({
    spec, domNode: place, deepLinking: true, layout: "BaseLayout", presets: [window.SwaggerUIBundle.presets.apis],
    onComplete: () => {
      const given = authorization().Authorization;
      if (given) drawn.preauthorizeApiKey("key", given.replace("Bearer ", ""));
    },
  });
} catch (error) {
  byId("trouble").textContent = error.message;
  byId("trouble").hidden = false;
}
