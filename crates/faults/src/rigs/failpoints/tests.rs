//! The points are those of the table.

use super::Scene;

#[test]
fn a_life_comes_by_these_points() {
    let names: Vec<String> = Scene::new(1).unwrap().points().unwrap().into_keys().collect();
    expect_test::expect_file!["points.txt"].assert_eq(&(names.join("\n") + "\n"));
}
