//! The station: the server that a bench or a floor runs. The only room that knows tokio.
//!
//! | part | what it is |
//! |---|---|
//! | [`schema`] | what OpenAPI says of words of lower rooms |

mod schema;
