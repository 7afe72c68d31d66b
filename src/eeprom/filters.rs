//! The filters of a config.txt that ask for a model: `[pi4]`, `[cm3+]`. One table for all that read such files.
//!
//! Source: Raspberry Pi's documentation, "Conditional filters", "Model filters".

use crate::board::Model;

/// The models that a filter lets through; `None` where it isn't one that asks for a model.
#[must_use]
pub fn models(filter: &str) -> Option<&'static [Model]> {
    use Model::{
        A, APlus, B, BPlus, Cm0, Cm1, Cm3, Cm3Plus, Cm4, Cm4s, Cm5, Cm5Lite, Pi2, Pi2V12, Pi3APlus, Pi3B,
        Pi3BPlus, Pi4B, Pi5, Pi400, Pi500, Zero, Zero2W, ZeroW,
    };
    Some(match filter.trim().to_ascii_lowercase().as_str() {
        "all" => Model::ALL,
        "none" => &[],
        "pi0" => &[Zero, ZeroW, Zero2W],
        "pi0w" => &[ZeroW, Zero2W],
        "pi02" => &[Zero2W],
        "pi1" => &[A, B, APlus, BPlus, Cm1],
        "cm1" => &[Cm1],
        "pi2" => &[Pi2, Pi2V12],
        "pi3" => &[Pi3B, Pi3BPlus, Pi3APlus, Cm3, Cm3Plus],
        "pi3+" => &[Pi3BPlus, Pi3APlus],
        "cm3" => &[Cm3, Cm3Plus],
        "cm3+" => &[Cm3Plus],
        "cm0" => &[Cm0],
        "pi4" => &[Pi4B, Pi400, Cm4, Cm4s],
        "pi400" => &[Pi400],
        "cm4" => &[Cm4],
        "cm4s" => &[Cm4s],
        "pi5" => &[Pi5, Pi500, Cm5, Cm5Lite],
        "pi500" => &[Pi500],
        "cm5" => &[Cm5, Cm5Lite],
        "cm5l" => &[Cm5Lite],
        _ => return None,
    })
}

/// Whether a filter lets a model through; `None` where only the board itself can say.
#[must_use]
pub fn passes(filter: &str, model: Model) -> Option<bool> {
    models(filter).map(|models| models.contains(&model))
}
