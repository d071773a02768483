//! Averages of strips that stand still.

/// Pictures of which an average is made.
pub(crate) const PICTURES: u8 = 16;

/// A strip's samples so far.
#[derive(Debug)]
struct Sum {
    strip: usize,
    pictures: u8,
    /// Pictures for which it has waited since it is complete.
    waited: u32,
    samples: Vec<u16>,
}

/// The averages under way.
#[derive(Debug, Default)]
pub(crate) struct Means {
    sums: Vec<Sum>,
    /// Memory of those that are done with.
    spare: Vec<Vec<u16>>,
}

impl Means {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sums.len()
    }

    /// Begins one of a strip.
    pub(crate) fn begin(&mut self, strip: usize) {
        let mut samples = self.spare.pop().unwrap_or_default();
        samples.clear();
        self.sums.push(Sum {
            strip,
            pictures: 0,
            waited: 0,
            samples,
        });
    }

    /// Adds a picture of that strip, line by line.
    pub(crate) fn add<'a>(&mut self, strip: usize, lines: impl Iterator<Item = &'a [u8]>) {
        let sum = self.sums.iter_mut().find(|sum| sum.strip == strip);
        let Some(sum) = sum.filter(|sum| sum.pictures < PICTURES) else {
            return;
        };
        if sum.pictures == 0 {
            sum.samples.extend(lines.flatten().copied().map(u16::from));
        } else {
            let mut rest = &mut sum.samples[..];
            for line in lines {
                let (here, others) = rest.split_at_mut(line.len());
                rest = others;
                for (sum, sample) in here.iter_mut().zip(line) {
                    *sum += u16::from(*sample);
                }
            }
        }
        sum.pictures += 1;
    }

    /// Gives up that of a strip.
    pub(crate) fn give_up(&mut self, strip: usize) {
        if let Some(at) = self.sums.iter().position(|sum| sum.strip == strip) {
            let sum = self.sums.swap_remove(at);
            self.spare.push(sum.samples);
        }
    }

    /// Gives up all of them.
    pub(crate) fn clear(&mut self) {
        self.spare
            .extend(self.sums.drain(..).map(|sum| sum.samples));
    }

    /// How many are complete, and for how many pictures one of them has waited. A picture goes by.
    pub(crate) fn complete(&mut self) -> (usize, u32) {
        let complete = self.sums.iter_mut().filter(|sum| sum.pictures == PICTURES);
        complete.fold((0, 0), |(count, longest), sum| {
            sum.waited += 1;
            (count + 1, longest.max(sum.waited))
        })
    }

    /// Takes one that is complete, and writes the average where it belongs. Returns its strip.
    pub(crate) fn take<'a>(&mut self, place: impl FnOnce(usize) -> &'a mut [u8]) -> Option<usize> {
        let at = self.sums.iter().position(|sum| sum.pictures == PICTURES)?;
        let sum = self.sums.swap_remove(at);
        let pictures = u16::from(PICTURES);
        for (mean, sum) in place(sum.strip).iter_mut().zip(&sum.samples) {
            *mean = ((sum + pictures / 2) / pictures) as u8;
        }
        self.spare.push(sum.samples);
        Some(sum.strip)
    }
}
