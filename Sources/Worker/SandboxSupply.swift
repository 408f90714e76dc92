package import Sandbox

/// Where sandboxes of one kind come from, and which runtimes functions can have in them.
package struct SandboxSupply: Sendable {
    package let engine: any SandboxEngine
    package let runtimes: InstalledRuntimes

    /// A kind of sandboxes.
    package init(engine: any SandboxEngine, runtimes: InstalledRuntimes) {
        self.engine = engine
        self.runtimes = runtimes
    }
}

/// The same, with those that wait.
struct SandboxSource: Sendable {
    let runtimes: InstalledRuntimes
    let pool: SandboxPool
    let standInNotices: StandInNotices
}
