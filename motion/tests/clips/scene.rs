//! What is behind the people: sky, houses with windows, a road and a tree, with the textures of a photograph.

use super::{HEIGHT, WIDTH};

/// Numbers that follow from a seed, the same on each machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// 0 … 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// With a mean of 0 and a standard deviation of 1: the sum of four numbers.
    pub(crate) fn normal(&mut self) -> f32 {
        let bits = self.bits();
        let four = (0..4).map(|part| (bits >> (16 * part) & 0xffff) as f32);
        (four.sum::<f32>() / 65536.0 - 2.0) * 1.732
    }
}

/// A scene without people, by sums of which the mean of each rectangle is known.
pub(crate) struct Background {
    sums: Vec<u32>,
    infrared: Vec<u32>,
    window: (f32, f32, f32, f32),
    tree: (f32, f32),
    seed: u64,
}

impl Background {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let horizon = (150.0 + 120.0 * random.unit()) as usize;
        let ground = (480.0 + 80.0 * random.unit()) as usize;
        let (sky, wall, road) = (
            150.0 + 60.0 * random.unit(),
            70.0 + 90.0 * random.unit(),
            60.0 + 50.0 * random.unit(),
        );
        let step = 90 + (60.0 * random.unit()) as usize;
        let tree = (150.0 + 950.0 * random.unit(), 200.0);
        let noises = [(6, 12.0), (20, 14.0), (70, 16.0)]
            .map(|(size, depth)| (Noise::new(random.bits(), size), depth));
        let heat = Noise::new(random.bits(), 90);
        let mut sums = vec![0_u32; (WIDTH + 1) * (HEIGHT + 1)];
        let mut infrared = sums.clone();
        for y in 0..HEIGHT {
            let (mut line, mut warm) = (0, 0);
            for x in 0..WIDTH {
                let is_window =
                    (horizon + 40..ground - 60).contains(&y) && x % step < step / 3 && y % 120 < 70;
                let is_leaf = leaf_at(tree, x as f32, y as f32);
                let flat = match y {
                    _ if is_leaf => 70.0,
                    _ if y < horizon => sky - 20.0 * y as f32 / horizon as f32,
                    _ if is_window => wall * 0.45,
                    _ if y < ground => wall,
                    _ => road + 15.0 * (y - ground) as f32 / 200.0,
                };
                let rough = if is_leaf {
                    2.0
                } else if y < horizon {
                    0.3
                } else {
                    1.0
                };
                let texture: f32 = noises
                    .iter()
                    .map(|(noise, depth)| depth * (noise.at(x, y) - 0.5))
                    .sum();
                let bright = (flat + rough * texture).clamp(5.0, 245.0);
                line += bright as u32;
                warm += (bright * (0.35 + 0.9 * heat.at(x, y))).clamp(5.0, 245.0) as u32;
                let at = (y + 1) * (WIDTH + 1) + x + 1;
                sums[at] = sums[at - WIDTH - 1] + line;
                infrared[at] = infrared[at - WIDTH - 1] + warm;
            }
        }
        let window = (
            2.0 * step as f32,
            (horizon + 40).next_multiple_of(120) as f32,
            step as f32 / 3.0,
            70.0,
        );
        Self {
            sums,
            infrared,
            window,
            tree,
            seed,
        }
    }

    /// The mean of a square with sides of that length.
    pub(crate) fn mean(&self, x: isize, y: isize, side: isize, is_infrared: bool) -> f32 {
        let x = x.clamp(0, WIDTH as isize - side) as usize;
        let y = y.clamp(0, HEIGHT as isize - side) as usize;
        let side = side as usize;
        let sums = if is_infrared {
            &self.infrared
        } else {
            &self.sums
        };
        let sum = |x: usize, y: usize| sums[y * (WIDTH + 1) + x];
        let inside = sum(x + side, y + side) + sum(x, y) - sum(x + side, y) - sum(x, y + side);
        inside as f32 / (side * side) as f32
    }

    /// The mean brightness of the lines around that one.
    pub(crate) fn along(&self, y: f32) -> f32 {
        let top = (y - 20.0).clamp(0.0, HEIGHT as f32 - 41.0) as usize;
        let sum = |y: usize| self.sums[y * (WIDTH + 1) + WIDTH];
        (sum(top + 40) - sum(top)) as f32 / (40 * WIDTH) as f32
    }

    /// Where the tree is: when its leaves there sway, as an angle.
    pub(crate) fn leaf(&self, x: isize, y: isize) -> Option<f32> {
        let cell = Random::new(self.seed ^ (x / 40 * 1000 + y / 40) as u64).unit();
        leaf_at(self.tree, x as f32, y as f32).then_some(cell * 6.3)
    }

    /// A window: its left and upper edge, width and height.
    pub(crate) fn window(&self) -> (f32, f32, f32, f32) {
        self.window
    }
}

fn leaf_at((tree_x, tree_y): (f32, f32), x: f32, y: f32) -> bool {
    ((x - tree_x) / 170.0).hypot((y - tree_y) / 190.0) < 1.0
}

/// Smooth noise between points of that distance.
struct Noise {
    points: Vec<f32>,
    size: usize,
    across: usize,
}

impl Noise {
    fn new(seed: u64, size: usize) -> Self {
        let mut random = Random::new(seed);
        let across = WIDTH / size + 3;
        let points = (0..across * (HEIGHT / size + 3))
            .map(|_| random.unit())
            .collect();
        Self {
            points,
            size,
            across,
        }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        let part = |at: usize| (at % self.size) as f32 / self.size as f32;
        let at = y / self.size * self.across + x / self.size;
        let between =
            |at: usize| self.points[at] + part(x) * (self.points[at + 1] - self.points[at]);
        let (above, below) = (between(at), between(at + self.across));
        above + part(y) * (below - above)
    }
}
