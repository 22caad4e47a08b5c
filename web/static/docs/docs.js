// Shows the OpenAPI description with Swagger UI, which comes from an installed package.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
});
