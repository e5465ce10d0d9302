//! Lists, bytes and maps: through Arrow and back.

use std::collections::HashMap;
use std::fmt::Debug;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use millstream::schema::{Builder, Cell};

use super::*;

/// Writes the values as views and as owned ones, and reads them back.
fn round<T: Stored + PartialEq + Debug>(values: &[T]) -> arrow::array::ArrayRef {
    let arena = Arena::new();
    let (mut views, mut owned) = (T::Builder::default(), T::Builder::default());
    for value in values {
        T::push(value.view(&arena), &mut views);
        value.push_owned(&mut owned);
        assert_eq!(&T::own(value.view(&arena)), value);
    }
    assert_eq!(views.len(), values.len());
    let (views, owned) = (views.finish(None), owned.finish(None));
    assert_eq!(views.data_type(), &T::data_type());
    assert_eq!(&views, &owned);
    for (row, value) in values.iter().enumerate() {
        assert_eq!(T::load(views.as_ref(), row).as_ref(), Some(value));
    }
    assert!(T::load(views.as_ref(), values.len()).is_none());
    views
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn lists() {
    round(&[vec![1i64, 2], vec![], vec![3]]);
    round(&[vec![true], vec![]]);
    round(&[Some(vec![text("a"), text("")]), None, Some(vec![])]);
    round(&[vec![Some(text("a")), None], vec![]]);
    round(&[vec![vec![1.5f64], vec![]], vec![], vec![vec![2.5, 3.5]]]);
    round(&[vec![Some(vec![1u32]), None], vec![]]);
    let point = |x| Point { x, y: None };
    round(&[vec![point(1.0), point(2.0)], vec![]]);
    round(&[Some(vec![vec![point(1.0)], vec![]]), None]);
}

#[test]
fn a_list_of_u8_is_bytes() {
    assert_eq!(Vec::<u8>::data_type(), DataType::Binary);
    let array = round(&[vec![1u8, 2, 255], vec![], vec![0]]);
    assert_eq!(array.as_binary::<i32>().value(0), [1, 2, 255]);
    round(&[Some(b"a".to_vec()), None]);
    round(&[vec![b"a".to_vec(), vec![]], vec![]]);
    // Numbers that may be null are no bytes.
    round(&[vec![Some(1u8), None]]);
    assert!(matches!(Vec::<Option<u8>>::data_type(), DataType::List(_)));
}

#[test]
fn maps() {
    let map = |pairs: &[(&str, i64)]| pairs.iter().map(|(key, value)| (text(key), *value)).collect::<BTreeMap<_, _>>();
    let array = round(&[map(&[("a", 1), ("b", 2)]), map(&[]), map(&[("c", 3)])]);
    assert_eq!(array.as_map().value(0).len(), 2);
    round(&[Some(map(&[("a", 1)])), None]);
    round(&[vec![map(&[("a", 1)]), map(&[])]]);
    round(&[HashMap::from([(text("a"), vec![Some(text("x")), None])]), HashMap::new()]);
}

#[test]
fn cells_write_what_views_are() {
    fn put<V: Cell>(value: V) -> DataType {
        let mut builder = <V::Column as Stored>::Builder::default();
        value.put(&mut builder);
        builder.finish(None).data_type().clone()
    }
    assert_eq!(put(&[1u8, 2][..]), DataType::Binary);
    assert_eq!(put(&["a", "b"][..]), Vec::<String>::data_type());
    assert_eq!(put(Some(&[Some(1.5)][..])), Vec::<Option<f64>>::data_type());
    assert_eq!(put(&[("a", 1i64)][..]), BTreeMap::<String, i64>::data_type());
}

#[test]
fn maps_read_from_json_keep_their_order() {
    let (decoder, arena, mut at) = (json().decoder::<Doc, All>(), Arena::new(), 0);
    let payload = b"{\"s\":\"\",\"m\":{\"z\":1,\"a\":2}}";
    let row = decoder.next(payload, &mut at, &arena, &mut Default::default()).unwrap().unwrap();
    assert_eq!(row.m, Some(&[("z", 1.0), ("a", 2.0)][..]));
    let keys: Vec<String> = (0..100).map(|key| format!("\"k{key}\":{key}")).collect();
    assert!(decode::<Doc>(format!("{{\"s\":\"\",\"m\":{{{}}}}}", keys.join(",")).as_bytes()).is_ok());
    assert!(decode::<Doc>(format!("{{\"s\":\"\",\"m\":{{{},\"k50\":0}}}}", keys.join(",")).as_bytes()).is_err());
}
