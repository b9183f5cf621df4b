//! `schema/schema.graphql` is what the API answers to. `UPDATE_SCHEMA=1 cargo test` writes it.

#[test]
fn the_schema_on_disk_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/schema.graphql");
    let served = onrecord::serve::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == served, "schema/schema.graphql is not what is served; UPDATE_SCHEMA=1 writes it");
}

#[test]
fn every_type_field_and_value_is_described() {
    let sdl = onrecord::serve::sdl();
    let lines: Vec<&str> = sdl.lines().collect();
    let mut described = true;
    let mut inside = false;
    for (number, line) in lines.iter().enumerate() {
        let text = line.trim();
        if text == "\"\"\"" {
            inside = !inside;
            described = true;
            continue;
        }
        let thing = !inside
            && !text.is_empty()
            && !text.starts_with(['}', '{', ')'])
            && !text.starts_with("schema")
            && !text.starts_with("directive")
            && !text.starts_with("query:")
            && !text.starts_with("mutation:")
            && !text.starts_with("subscription:");
        if thing {
            assert!(described, "line {}: {line}", number + 1);
            described = false;
        }
        if text.starts_with('}') || text.starts_with("directive") {
            described = false;
        }
    }
}
