"""`GET /sim/openapi.json`: every route in OpenAPI 3.1, for people who look and for tools that generate and fuzz.

Kite's routes are in data/api.yaml, the control routes are what their bodies' models say. A test holds the document
against the router: no route is missing in either.
"""

from functools import cache
from typing import Any

import yaml
from aiohttp import web

from kitesim import __version__
from kitesim.calendars import packaged
from kitesim.web.control import CONTROL_ROUTES

Schema = dict[str, Any]
_ERRORS = {
    "400": "A parameter is missing or wrong, or the broker refuses",
    "403": "No session, or the address may not place orders",
    "404": "Nothing of that name",
    "428": "Holdings need authorisation first",
    "429": "Over a limit",
}
_PARAMETERS_OF_CONTROL: dict[str, list[tuple[str, Schema]]] = {
    "/sim/log": [("since", {"type": "integer", "minimum": 0}), ("limit", {"type": "integer", "minimum": 0})],
    "/sim/state": [("user_id", {"type": "string"}), ("instrument", {"type": "string"})],
}


@cache
def document() -> Schema:
    """Return the whole description."""
    content = yaml.safe_load(packaged("api.yaml"))
    paths: dict[str, Schema] = {}
    for group, routes in content["groups"].items():
        for row in routes:
            method, path = row["path"].split()
            paths.setdefault(path, {})[method.lower()] = _kite_route(content, group, path, row)
    components: Schema = {"schemas": _schemas(content), "securitySchemes": _SECURITY}
    for method, path, _, model in CONTROL_ROUTES:
        paths.setdefault(path, {})[method.lower()] = _control_route(path, model, components["schemas"])
    paths["/healthz"] = {"get": _health()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kitesim",
            "version": __version__,
            "description": "Kite Connect v3 as kitesim serves it, and its control routes. The stream is a WebSocket on /.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }


_SECURITY: Schema = {
    "kite": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`token api_key:access_token`",
    },
    "control": {"type": "http", "scheme": "bearer", "description": "asked for off loopback only"},
}


def _schemas(content: Schema) -> Schema:
    error: Schema = {
        "type": "object",
        "required": ["status", "message", "error_type"],
        "properties": {
            "status": {"const": "error"},
            "message": {"type": "string"},
            "error_type": {"type": "string", "pattern": "Exception$"},
            "data": {},
        },
    }
    named = {
        f"{name}_row": {"type": "object", "required": keys, "properties": {key: {} for key in keys}}
        for name, keys in content["keys"].items()
    }
    refusal = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return {"error": error, "refusal": refusal, **named}


def _kite_route(content: Schema, group: str, path: str, row: Schema) -> Schema:
    operation: Schema = {
        "summary": row["says"],
        "tags": [group],
        "parameters": [
            *_segments(content["segments"], path),
            *(_parameter(content["fields"], name, "query") for name in row.get("query", ())),
        ],
        "responses": {"200": _success(row), **_refusals(row)},
        "security": [] if row.get("open") else [{"kite": []}],
    }
    if row["data"] == "redirect":
        operation["responses"].pop("200")
        operation["responses"]["302"] = {"description": "To the app's redirect URL"}
    if "form" in row:
        operation["requestBody"] = _form(content["fields"], row["form"])
    if "json" in row:
        operation["requestBody"] = _list_of_orders(content["fields"])
    return operation


def _segments(segments: Schema, path: str) -> list[Schema]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": segments[name]} for name in names]


def _parameter(fields: Schema, name: str, where: str) -> Schema:
    bare = name.rstrip("!")
    return {"name": bare, "in": where, "required": name != bare, "schema": fields[bare]}


def _form(fields: Schema, names: list[str]) -> Schema:
    schema = {
        "type": "object",
        "required": [name[:-1] for name in names if name.endswith("!")],
        "properties": {name.rstrip("!"): fields[name.rstrip("!")] for name in names},
    }
    return {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _list_of_orders(fields: Schema) -> Schema:
    required = ["exchange", "tradingsymbol", "transaction_type", "variety", "product", "order_type", "quantity"]
    names = [*required, "price", "trigger_price"]
    order = {
        "type": "object",
        "required": required,
        "properties": {name: fields.get(name, {"type": "string"}) for name in names}
        | {"average_price": {"type": "number"}},
    }
    return {"content": {"application/json": {"schema": {"type": "array", "items": order, "maxItems": 500}}}}


def _success(row: Schema) -> Schema:
    media = {"csv": "text/csv", "html": "text/html"}.get(row["data"])
    if media is not None:
        return {"description": row["says"], "content": {media: {"schema": {"type": "string"}}}}
    item: Schema = {"$ref": f"#/components/schemas/{row['keys']}_row"} if "keys" in row else {}
    data: Schema = {
        "list": {"type": "array", "items": item},
        "object": item or {"type": "object"},
        "boolean": {"type": "boolean"},
    }.get(row["data"], {})
    envelope = {
        "type": "object",
        "required": ["status", "data"],
        "properties": {"status": {"const": "success"}, "data": data},
    }
    return {"description": row["says"], "content": {"application/json": {"schema": envelope}}}


def _refusals(row: Schema) -> Schema:
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}
    codes = [code for code in _ERRORS if code != "428" or row["path"].startswith("POST /orders")]
    return {code: {"description": _ERRORS[code], "content": schema} for code in codes}


def _control_route(path: str, model: Any, schemas: Schema) -> Schema:
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/refusal"}}}
    errors = {
        "400": "It says what is wrong",
        "401": "The bearer token is wrong",
        "403": "Closed",
        "404": "No such thing",
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: Schema = {
        "summary": path,
        "tags": ["control"],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names),
            *(
                {"name": name, "in": "query", "schema": schema}
                for name, schema in _PARAMETERS_OF_CONTROL.get(path, [])
                if model is None
            ),
        ],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
            **{code: {"description": text, "content": refusal} for code, text in errors.items()},
            "429": {"description": "Over a limit", "content": refusal},
            "428": {"description": "Holdings need authorisation first", "content": refusal},
        },
        "security": [{"control": []}, {}],
    }
    if model is not None:
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= made.pop("$defs", {})
        schemas[model.__name__] = made
        reference = {"$ref": f"#/components/schemas/{model.__name__}"}
        operation["summary"] = (model.__doc__ or path).replace("`", "").splitlines()[0]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


def _health() -> Schema:
    content = {"application/json": {"schema": {"type": "object", "required": ["status", "market_time"]}}}
    return {"summary": "It lives", "tags": ["control"], "responses": {"200": {"description": "ok", "content": content}}}


async def served(_: web.Request) -> web.Response:
    """Serve `GET /sim/openapi.json`; open to everybody."""
    return web.json_response(document())


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the route of this module."""
    router.add_get("/sim/openapi.json", served)
