//! The order of a module's functions: like ones beside one another, where gzip finds what they share. It says a thing again
//! for a few bytes only within 32 KiB, and for fewer the nearer it is.
//!
//! What calls a function names it by its number, so that all of these numbers change with the order.

use crate::wasm::{Malformed, push_number, push_prefixed};
use std::collections::VecDeque;
use std::ops::Range;
use wasmparser::{
    BinaryReader, BinaryReaderError, ElementItems, ElementKind, ElementSectionReader,
    ExportSectionReader, ExternalKind, Operator, Parser, Payload, TableInit, TypeRef, Validator,
};

const FUNCTIONS: u8 = 3;
const EXPORTS: u8 = 7;
const START: u8 = 8;
const ELEMENTS: u8 = 9;
const CODE: u8 = 10;
const PREAMBLE_LEN: usize = 8;
/// A function is compared with the last ones before it, as many as this.
const RECENT: usize = 16;

impl From<BinaryReaderError> for Malformed {
    fn from(_: BinaryReaderError) -> Self {
        Self("its code cannot be read")
    }
}

/// A function's code, with the places in it that name other functions.
struct Body {
    bytes: Range<usize>,
    calls: Vec<(Range<usize>, u32)>,
}

/// The module with its functions in another order, and otherwise as it was.
pub(crate) fn by_likeness(module: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (mut imported, mut types, mut bodies, mut sections) = (0, vec![], vec![], vec![]);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Some((id, bytes)) = payload.as_section() {
            sections.push((id, range(bytes)));
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if !matches!(import?.ty, TypeRef::Func(_)) {
                        return Err(Malformed("an import that is no function"));
                    }
                    imported += 1;
                }
            }
            Payload::FunctionSection(functions) => {
                types = functions.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::CodeSectionEntry(body) => {
                let mut calls = Vec::new();
                let mut operators = body.get_operators_reader()?;
                while !operators.eof() {
                    let start = operators.original_position() as usize;
                    match operators.read()? {
                        // One byte says that it is a call.
                        Operator::Call { function_index } => calls.push((
                            start + 1..operators.original_position() as usize,
                            function_index,
                        )),
                        Operator::RefFunc { .. } | Operator::ReturnCall { .. } => {
                            return Err(Malformed("an unknown way to name a function"));
                        }
                        _ => {}
                    }
                }
                bodies.push(Body {
                    bytes: range(body.range()),
                    calls,
                });
            }
            // These name functions in ways that are not known here.
            Payload::TableSection(tables) => {
                for table in tables {
                    if !matches!(table?.init, TableInit::RefNull) {
                        return Err(Malformed("a table with a beginning"));
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let mut operators = global?.init_expr.get_operators_reader();
                    while !operators.eof() {
                        if matches!(operators.read()?, Operator::RefFunc { .. }) {
                            return Err(Malformed("a global that names a function"));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    let order = order(bodies.iter().map(|body| &module[body.bytes.clone()]));
    let mut numbers: Vec<u32> = (0..imported + bodies.len() as u32).collect();
    for (number, &old) in (imported..).zip(&order) {
        numbers[imported as usize + old] = number;
    }
    let number = |old: u32| {
        (numbers.get(old as usize).copied()).ok_or(Malformed("a function that is not there"))
    };

    let mut ordered = module[..PREAMBLE_LEN].to_vec();
    for (id, bytes) in sections {
        let old = &module[bytes];
        let mut new = Vec::new();
        match id {
            FUNCTIONS => {
                push_number(&mut new, types.len() as u32);
                for &function in &order {
                    let of = types
                        .get(function)
                        .ok_or(Malformed("code without a type"))?;
                    push_number(&mut new, *of);
                }
            }
            EXPORTS => {
                let exports = ExportSectionReader::new(BinaryReader::new(old, 0))?;
                push_number(&mut new, exports.count());
                for export in exports {
                    let export = export?;
                    push_prefixed(&mut new, export.name.as_bytes());
                    let (kind, index) = match export.kind {
                        ExternalKind::Func => (0, number(export.index)?),
                        ExternalKind::Table => (1, export.index),
                        ExternalKind::Memory => (2, export.index),
                        ExternalKind::Global => (3, export.index),
                        _ => return Err(Malformed("an unknown export")),
                    };
                    new.push(kind);
                    push_number(&mut new, index);
                }
            }
            START => return Err(Malformed("a function at the start")),
            ELEMENTS => {
                let segments = ElementSectionReader::new(BinaryReader::new(old, 0))?;
                push_number(&mut new, segments.count());
                for segment in segments {
                    let segment = segment?;
                    let (
                        ElementItems::Functions(functions),
                        ElementKind::Active {
                            table_index: None | Some(0),
                            offset_expr: offset,
                        },
                    ) = (segment.items, segment.kind)
                    else {
                        return Err(Malformed("an unknown table"));
                    };
                    new.push(0);
                    let mut offset = offset.get_binary_reader();
                    let len = offset.bytes_remaining();
                    new.extend_from_slice(offset.read_bytes(len)?);
                    push_number(&mut new, functions.count());
                    for function in functions {
                        push_number(&mut new, number(function?)?);
                    }
                }
            }
            CODE => {
                push_number(&mut new, bodies.len() as u32);
                for &function in &order {
                    let Body { bytes, calls } = &bodies[function];
                    let (mut body, mut at) = (Vec::new(), bytes.start);
                    for (place, called) in calls {
                        body.extend_from_slice(&module[at..place.start]);
                        push_number(&mut body, number(*called)?);
                        at = place.end;
                    }
                    body.extend_from_slice(&module[at..bytes.end]);
                    push_prefixed(&mut new, &body);
                }
            }
            _ => new.extend_from_slice(old),
        }
        ordered.push(id);
        push_prefixed(&mut ordered, &new);
    }
    Validator::new().validate_all(&ordered)?;
    Ok(ordered)
}

fn range(of: Range<u64>) -> Range<usize> {
    of.start as usize..of.end as usize
}

/// An order of these, by their numbers: beginning with the first, always the one next that shares most with the last ones.
fn order<'a>(functions: impl Iterator<Item = &'a [u8]>) -> Vec<usize> {
    let pieces: Vec<Vec<usize>> = functions.map(pieces).collect();
    let mut left: Vec<usize> = (0..pieces.len()).collect();
    let mut order = Vec::new();
    let mut recent = VecDeque::new();
    let mut seen = vec![0_u32; 1 << PIECE_BITS];
    while !left.is_empty() {
        let share = |function: usize| {
            let shared = (pieces[function].iter().filter(|&&piece| seen[piece] > 0)).count() as f64;
            let len = (pieces[function].len() as f64).max(1.0);
            // Of a long one, some are anywhere: by its length to the power of 0.8, all of it to the fifth, as each system has a power
            // function of its own.
            (shared * shared * shared * shared * shared) / (len * len * len * len)
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (at, &function) in left.iter().enumerate() {
            let share = share(function);
            if share > best.1 {
                best = (at, share);
            }
        }
        let next = left.remove(best.0);
        pieces[next].iter().for_each(|&piece| seen[piece] += 1);
        order.push(next);
        recent.push_back(next);
        if recent.len() > RECENT {
            let old = recent.pop_front().expect("there are more than none");
            pieces[old].iter().for_each(|&piece| seen[piece] -= 1);
        }
    }
    order
}

const PIECE_BITS: u32 = 18;

/// What stands in a function, four bytes at a time, each by a number below 2^[`PIECE_BITS`].
fn pieces(function: &[u8]) -> Vec<usize> {
    let mut pieces: Vec<usize> = (function.windows(4))
        .map(|four| {
            let number = u32::from_le_bytes(four.try_into().expect("four of them"));
            (number.wrapping_mul(0x9e37_79b1) >> (32 - PIECE_BITS)) as usize
        })
        .collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id];
        push_prefixed(&mut section, content);
        section
    }

    /// A function that imports one, and has: a long one that calls the second and the third, a short one, and one that is
    /// like the first but for its end. The third is exported, all are in the table.
    fn module(long: &[u8]) -> Vec<u8> {
        let code = |bytes: &[u8]| {
            let mut code = vec![0];
            code.extend_from_slice(bytes);
            code.push(0x0b);
            let mut body = Vec::new();
            push_prefixed(&mut body, &code);
            body
        };
        let mut calling = long.to_vec();
        calling.extend(b"\x10\x02\x41\x07\x10\x03");
        let mut bodies = vec![3];
        bodies.extend(code(&calling));
        bodies.extend(code(b"\x10\x00"));
        bodies.extend(code(long));
        let mut module = PREAMBLE.to_vec();
        module.extend(section(1, b"\x02\x60\x00\x00\x60\x01\x7f\x00"));
        module.extend(section(2, b"\x01\x01m\x01a\x00\x00"));
        module.extend(section(3, b"\x03\x00\x00\x01"));
        module.extend(section(4, b"\x01\x70\x00\x04"));
        module.extend(section(7, b"\x01\x01x\x00\x03"));
        module.extend(section(9, b"\x01\x00\x41\x01\x0b\x03\x01\x02\x03"));
        module.extend(section(10, &bodies));
        module
    }

    #[test]
    fn like_ones_are_neighbours_and_whatever_names_them_goes_along() {
        let long = b"\x41\x01\x1a\x41\x02\x1a\x41\x03\x1a\x41\x04\x1a";
        let before = module(long);
        let after = by_likeness(&before).unwrap();
        wasmparser::validate(&before).unwrap();
        wasmparser::validate(&after).unwrap();
        // The third is the second one now: called, exported and in the table by that number, and with its own type.
        let mut calling = b"\x00".to_vec();
        calling.extend(long);
        calling.extend(b"\x10\x03\x41\x07\x10\x02\x0b");
        let mut bodies = vec![3];
        push_prefixed(&mut bodies, &calling);
        let mut like = b"\x00".to_vec();
        like.extend(long);
        like.push(0x0b);
        push_prefixed(&mut bodies, &like);
        push_prefixed(&mut bodies, b"\x00\x10\x00\x0b");
        let mut expected = PREAMBLE.to_vec();
        expected.extend(section(1, b"\x02\x60\x00\x00\x60\x01\x7f\x00"));
        expected.extend(section(2, b"\x01\x01m\x01a\x00\x00"));
        expected.extend(section(3, b"\x03\x00\x01\x00"));
        expected.extend(section(4, b"\x01\x70\x00\x04"));
        expected.extend(section(7, b"\x01\x01x\x00\x02"));
        expected.extend(section(9, b"\x01\x00\x41\x01\x0b\x03\x01\x03\x02"));
        expected.extend(section(10, &bodies));
        assert_eq!(after, expected);
    }

    #[test]
    fn what_names_functions_in_an_unknown_way_is_refused() {
        let whole = module(b"\x01");
        assert!(by_likeness(&whole[..whole.len() - 1]).is_err());
        // ref.func 1, drop
        assert!(by_likeness(&module(b"\xd2\x01\x1a")).is_err());
    }
}
