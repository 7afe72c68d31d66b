//! Root copies, checks and removes the trees of netboot clients.
