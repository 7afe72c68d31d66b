//! What OpenAPI says of words that rooms below have: those rooms know nothing of OpenAPI.

use std::borrow::Cow;

use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::board::{Jumper, Mac, Serial};
use crate::error::{Kind, Remedy};
use crate::run::Stage;
use crate::station_api::Page;

fn text(pattern: &str, description: &str) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.description(Some(description)).into()
}

impl PartialSchema for Mac {
    fn schema() -> RefOr<Schema> {
        text("^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$", "An Ethernet address: dc:a6:32:01:02:03.")
    }
}

impl ToSchema for Mac {
    fn name() -> Cow<'static, str> {
        "Mac".into()
    }
}

impl PartialSchema for Serial {
    fn schema() -> RefOr<Schema> {
        text("^[0-9a-f]{1,16}$", "A serial number, hexadecimal digits.")
    }
}

impl ToSchema for Serial {
    fn name() -> Cow<'static, str> {
        "Serial".into()
    }
}

impl PartialSchema for Jumper {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(7));
        number.description(Some("What three jumpers of a carrier say, 0 to 7.")).into()
    }
}

impl ToSchema for Jumper {
    fn name() -> Cow<'static, str> {
        "Jumper".into()
    }
}

impl PartialSchema for Stage {
    fn schema() -> RefOr<Schema> {
        let words = Stage::ALL.iter().map(|stage| stage.word());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
    }
}

impl ToSchema for Stage {
    fn name() -> Cow<'static, str> {
        "Stage".into()
    }
}

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What sort of failure it was."))
            .into()
    }
}

impl ToSchema for Kind {
    fn name() -> Cow<'static, str> {
        "Kind".into()
    }
}

impl PartialSchema for Remedy {
    fn schema() -> RefOr<Schema> {
        let description = "A sentence in its parts: texts, and things to do with a member `do`.";
        let part = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        // One text alone stands for itself; in a problem it stands in a list.
        let one = ObjectBuilder::new().schema_type(Type::String);
        let parts = AnyOfBuilder::new().item(one).item(ArrayBuilder::new().items(part));
        parts.description(Some(description)).into()
    }
}

impl ToSchema for Remedy {
    fn name() -> Cow<'static, str> {
        "Remedy".into()
    }
}

/// Each list has a name of its own: what is derived gives all of them one.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let items = items.description(Some("The lines, at most as many as were asked for."));
        let next = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("For `after` of the next call; missing where this was the end."));
        let page = ObjectBuilder::new().property("items", items).required("items").property("next", next);
        page.description(Some("A part of a list, and where the next one begins.")).into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}
