-- Passkeys of people: what each calls itself and its public key, in hexadecimal digits; the name of the station that it
-- was made for; how often it was used, by its own count.
CREATE TABLE passkey (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    public_key TEXT NOT NULL,
    counter BIGINT NOT NULL,
    can_back_up BIGINT NOT NULL,
    backed_up BIGINT NOT NULL,
    made BIGINT NOT NULL,
    used BIGINT
);

CREATE UNIQUE INDEX passkey_person ON passkey (person, name);
