//! A small picture, drawn large: what a scene begins with that is not painted yet at its size.

use super::picture::Picture;

/// Where a sample of the large picture lies in the small one: between which two samples, and how near to the second one, in
/// 256ths.
type Between = (usize, usize, u16);

/// Fills the picture with the small one, interpolated.
pub(crate) fn enlarge(small: &Picture, picture: &mut Picture) {
    let from = (small.width(), small.height());
    let to = (picture.width(), picture.height());
    for ((small, plane), by) in small
        .planes()
        .into_iter()
        .zip(picture.planes_mut())
        .zip([1, 2, 2])
    {
        let columns = between(from.0 / by, to.0 / by);
        let rows = between(from.1 / by, to.1 / by);
        let mut line = vec![0; from.0 / by];
        for (out, (above, below, near)) in plane.chunks_exact_mut(to.0 / by).zip(rows) {
            let row = |y: usize| &small[y * line.len()..][..line.len()];
            let (above, below) = (row(above), row(below));
            for ((line, &above), &below) in line.iter_mut().zip(above).zip(below) {
                *line = mix(above, below, near);
            }
            for (out, &(left, right, near)) in out.iter_mut().zip(&columns) {
                *out = mix(line[left], line[right], near);
            }
        }
    }
}

/// The places of `to` samples among `from` ones.
fn between(from: usize, to: usize) -> Vec<Between> {
    let place = |index: usize| {
        // Centres of samples, in 256ths of a small one.
        let at = ((2 * index + 1) * from * 128 / to).saturating_sub(128);
        let first = (at >> 8).min(from - 1);
        (first, (first + 1).min(from - 1), (at & 255) as u16)
    };
    (0..to).map(place).collect()
}

fn mix(first: u8, second: u8, near: u16) -> u8 {
    ((u16::from(first) * (256 - near) + u16::from(second) * near) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_slope_stays_one_and_the_borders_keep_their_values() {
        let mut small = Picture::new(8, 4);
        for row in small.planes_mut()[0].chunks_exact_mut(8) {
            row.copy_from_slice(&[0, 32, 64, 96, 128, 160, 192, 224]);
        }
        let mut large = Picture::new(32, 10);
        enlarge(&small, &mut large);
        for row in large.planes()[0].chunks_exact(32) {
            assert_eq!((row[0], row[31]), (0, 224));
            assert!(
                row.windows(2)
                    .all(|pair| (0..=8).contains(&(pair[1] - pair[0]))),
                "{row:?}"
            );
        }
        assert!(
            large.planes()[1..]
                .iter()
                .all(|plane| plane.iter().all(|&it| it == 128))
        );
    }
}
