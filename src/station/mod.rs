//! The station: the server that a bench or a floor runs. The only room that knows tokio.
//!
//! | part | what it is |
//! |---|---|
//! | [`jobs`] | what boards are to do: a state machine, without clock and store |
//! | [`rules`] | which project a board gets that comes by itself |
//! | [`store`] | what the station knows, in a database |
//! | [`schema`] | what OpenAPI says of words of lower rooms |

pub mod jobs;
pub mod rules;
mod schema;
pub mod store;
