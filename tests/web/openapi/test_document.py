"""The OpenAPI document comes from the routes and from the types of the client."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from flask import Flask

import atelier
from web import register_routes
from web.openapi.document import document


@pytest.fixture
def described() -> dict[str, Any]:
    return describe()


def describe() -> dict[str, Any]:
    routes = Flask("routes")
    register_routes(routes)
    return document(routes)


def test_a_field_that_a_type_loses_is_gone_from_the_client_and_from_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = describe()["components"]["schemas"]["Style"]
    monkeypatch.delitem(atelier.Style.__annotations__, "title")
    after = describe()["components"]["schemas"]["Style"]

    assert set(before["properties"]) - set(after["properties"]) == {"title"}
    assert set(get_type_hints(atelier.Style)) == set(after["properties"])


def test_operations_are_grouped_and_named(described: dict[str, Any]) -> None:
    tags = [tag["name"] for tag in described["tags"]]
    operations = [
        operation for methods in described["paths"].values() for operation in methods.values()
    ]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert {operation["tags"][0] for operation in operations} == set(tags)
    assert all(operation["summary"] for operation in operations)


def test_the_description_of_a_field_stands_beside_its_type(described: dict[str, Any]) -> None:
    position = described["components"]["schemas"]["QueuePosition"]["properties"]["position"]

    assert position["description"] == "Number of jobs before it."


def test_a_query_parameter_has_its_range_and_default(described: dict[str, Any]) -> None:
    parameters = described["paths"]["/v1/jobs"]["get"]["parameters"]
    [limit] = [parameter for parameter in parameters if parameter["name"] == "limit"]

    expected = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert limit["schema"].items() >= expected.items()
