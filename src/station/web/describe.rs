//! What OpenAPI says of the calls: put together while they come into the table.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required};

use super::row::{Access, Row};
use crate::station_api::Problem;

/// Calls, and what goes in and out.
pub(super) struct Description {
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// Names that two things have: one of them would be described as the other.
    #[cfg(test)]
    pub(super) doubles: Vec<String>,
}

impl Description {
    pub(super) fn new() -> Self {
        let mut new = Self {
            paths: Paths::new(),
            schemas: BTreeMap::new(),
            #[cfg(test)]
            doubles: Vec::new(),
        };
        let _ = new.of::<Problem>();
        new
    }

    /// Takes up what a type looks like, and gives what a body of it looks like.
    pub(super) fn of<T: ToSchema>(&mut self) -> Content {
        let schema = T::schema();
        let mut found = Vec::new();
        T::schemas(&mut found);
        // A list has no name of its own.
        let is_list = matches!(schema, RefOr::T(Schema::Array(_)));
        let content = if is_list {
            schema
        } else {
            let name = T::name().into_owned();
            found.push((name.clone(), schema));
            RefOr::Ref(Ref::from_schema_name(name))
        };
        for (name, schema) in found {
            #[cfg(test)]
            if self.schemas.get(&name).is_some_and(|known| *known != schema) {
                self.doubles.push(name.clone());
            }
            self.schemas.insert(name, schema);
        }
        ContentBuilder::new().schema(Some(content)).build()
    }

    pub(super) fn add(&mut self, path: &str, method: HttpMethod, operation: Operation) {
        self.paths.add_path_operation(path, vec![method], operation);
    }

    /// All of it.
    pub(super) fn finish(self) -> OpenApi {
        let mut components = Components::new();
        components.schemas = self.schemas;
        for (name, what) in [
            ("token", "A token of the station."),
            ("board", "What a board got when it registered, or with its job."),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let info = Info::new("piprov station", env!("CARGO_PKG_VERSION"));
        OpenApiBuilder::new().info(info).paths(self.paths).components(Some(components)).build()
    }
}

/// Bytes that aren't JSON.
pub(super) fn binary() -> Content {
    ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build()
}

/// What all rows say of themselves.
pub(super) fn operation(row: &Row) -> OperationBuilder {
    let words =
        row.path.split(['/', '{', '}', '.', '-', '_']).filter(|word| !matches!(*word, "" | "api" | "v1"));
    let id = std::iter::once(row.method.word()).chain(words).collect::<Vec<_>>().join("_");
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new().description("Refused.").content("application/problem+json", problem);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(row.summary))
        .response("default", refused.build());
    for (status, what) in row.also {
        let mut also = ResponseBuilder::new().description(*what);
        if *status == 206 {
            also = also.content("application/octet-stream", binary());
        }
        operation = operation.response(status.to_string(), also.build());
    }
    for name in row.parameters() {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text))
                .build(),
        );
    }
    if row.takes_key() && !row.secret {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,100}$")).build();
        let what = "What is asked twice under one key within a day is done once, and answered the same.";
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .description(Some(what))
                .required(Required::False)
                .schema(Some(text))
                .build(),
        );
    }
    if let (Some(scope), Access::Role(role)) = (super::scope::of(row), row.access) {
        let what = format!("It takes the role {role}. A token with scopes needs `{scope}`.");
        operation = operation.description(Some(what));
    }
    match row.access {
        Access::Open => operation,
        Access::Role(_) => operation.security(SecurityRequirement::new("token", Vec::<String>::new())),
        Access::Board => operation.security(SecurityRequirement::new("board", Vec::<String>::new())),
    }
}

/// The members of a type as what stands behind the `?`.
pub(super) fn query_of<Q: ToSchema>() -> Vec<Parameter> {
    let RefOr::T(Schema::Object(object)) = Q::schema() else { return Vec::new() };
    let required = object.required;
    let members = object.properties.into_iter().map(|(name, schema)| {
        let needed = if required.contains(&name) { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().parameter_in(ParameterIn::Query).required(needed);
        parameter.name(name).schema(Some(schema)).build()
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn a_name_in_the_description_is_there_and_stands_for_one_thing() {
        let table = crate::station::table();
        assert_eq!(table.doubles(), Vec::<String>::new());
        let text = table.finish().1.to_json().unwrap();
        let api: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names = text.split("\"#/components/schemas/").skip(1);
        let names: BTreeSet<_> = names.map(|rest| rest.split('"').next().unwrap()).collect();
        let missing: Vec<_> =
            names.iter().filter(|name| api["components"]["schemas"].get(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(names.len() > 30, "{names:?}");
        // A list of boards is one of boards.
        let schemas = &api["components"]["schemas"];
        assert_eq!(
            schemas["BoardPage"]["properties"]["items"]["items"]["$ref"],
            "#/components/schemas/Board"
        );
        assert_eq!(schemas["Role"]["enum"], serde_json::json!(["viewer", "operator", "admin"]));
    }
}
