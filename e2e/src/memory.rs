//! What a page costs: the JavaScript heaps, and the memory of the processes that show it.

use crate::browser::{Browser, Page};
use anyhow::{Context as _, Result};
use serde_json::json;

/// Bytes in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The JavaScript heaps of the page and its workers, after a garbage collection.
    pub heap: u64,
    /// Anonymous and shared memory of the page's processes.
    pub renderer: u64,
}

/// What all of a browser's processes have taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Of the processor, since they began.
    pub cpu_seconds: f64,
    /// Anonymous and shared memory, in bytes.
    pub memory: u64,
}

impl Page<'_> {
    /// Collects garbage, then measures. Meant for a browser with one page.
    ///
    /// # Errors
    /// Where Chromium or Linux does not tell.
    pub async fn memory(&self) -> Result<Memory> {
        let mut heap = 0;
        for session in self.sessions() {
            let devtools = self.browser().devtools();
            devtools
                .call(&session, "HeapProfiler.collectGarbage", json!({}))
                .await?;
            let usage = devtools
                .call(&session, "Runtime.getHeapUsage", json!({}))
                .await?;
            heap += usage["usedSize"].as_f64().context("no usedSize")? as u64;
        }
        let renderer = self.browser().renderers().await?;
        Ok(Memory { heap, renderer })
    }
}

impl Browser {
    /// What it has taken so far.
    ///
    /// # Errors
    /// Where Chromium or Linux does not tell.
    pub async fn cost(&self) -> Result<Cost> {
        let info = self.call("SystemInfo.getProcessInfo", json!({})).await?;
        let processes = info["processInfo"].as_array().context("no processes")?;
        let cpu = processes
            .iter()
            .filter_map(|process| process["cpuTime"].as_f64());
        let memory = processes
            .iter()
            .filter_map(|process| process["id"].as_u64())
            .map(own_memory);
        Ok(Cost {
            cpu_seconds: cpu.sum(),
            memory: memory.sum::<Result<u64>>()?,
        })
    }

    /// Memory of every process that shows a page.
    async fn renderers(&self) -> Result<u64> {
        let info = self.call("SystemInfo.getProcessInfo", json!({})).await?;
        let processes = info["processInfo"].as_array().context("no processes")?;
        let renderers = processes
            .iter()
            .filter(|process| process["type"] == "renderer")
            .filter_map(|process| process["id"].as_u64());
        renderers.map(own_memory).sum()
    }
}

/// Anonymous and shared memory of a process, in bytes: heaps, canvases, bitmaps. The parts of files that it has mapped are
/// left out, because its share of those grows whenever another browser ends.
fn own_memory(pid: u64) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let content = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    ["Pss_Anon:", "Pss_Shmem:"]
        .into_iter()
        .map(|name| {
            let line = content.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kib.map(|kib| kib << 10)
                .with_context(|| format!("no {name} in {path}"))
        })
        .sum()
}
