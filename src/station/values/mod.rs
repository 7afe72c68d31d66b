//! Values of which each board has its own: what people do with their sources.
//!
//! | part | what it is |
//! |---|---|
//! | `own` | what each board has by itself; pure |
//! | `table` | a table as people write it; pure |

mod own;
pub mod table;

pub use own::own;
