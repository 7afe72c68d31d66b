//! The cards of the floor, as tests look at them.

use crate::browser::Browser;

/// The element with a label, as a screen reader says it.
pub(crate) fn labelled(label: &str) -> String {
    format!("[aria-label='{label}']")
}

/// The card of a board, for scripts.
pub(crate) fn card(board: &str) -> String {
    format!(
        "[...document.querySelectorAll('.card')].find(one => one.querySelector('h3')?.innerText === '{board}')"
    )
}

/// Waits until the card of a board says this.
pub(crate) async fn until_card_says(browser: &Browser, board: &str, text: &str) {
    browser
        .until(&format!("{board}: {text}"), &format!("{}?.innerText.includes('{text}')", card(board)))
        .await;
}

/// The name of a card's element.
pub(crate) async fn key(browser: &Browser, board: &str) -> String {
    browser.script(&format!("return {}.id", card(board))).await.as_str().unwrap().to_owned()
}
