/// What a ``NamespacesEngine`` needs to know.
package struct NamespacesConfiguration: Sendable {
    /// A directory for the engine's files, of this engine alone. Its path also names the engine's cgroups, so that an
    /// engine finds and removes what a crashed predecessor with the same directory left. It is made if it is missing,
    /// and should be on a disk with room for what functions write to `/tmp`.
    package var stateDirectory: String
    /// The launcher program; `nil` for `swiftlet-launcher` beside the running executable.
    package var launcherPath: String?
    /// How many file systems for `/tmp` to keep ready for each of the last few sizes asked for, 0 or more.
    package var spareScratchDisksMax: Int
    /// Sizes, in bytes, of which to keep spares from the start.
    package var expectedScratchSizes: [Int]
    /// Host directories and files to show inside, at the same place and read-only, beyond the usual ones; and devices right in
    /// `/dev`, for everybody inside to use.
    package var extraUserlandPaths: [String]
    /// How sandboxes that may go out do so; `nil` where none may.
    package var network: NetworkConfiguration?

    /// How long a sandbox may take to come about, or to answer that a process runs, before it is killed. A few
    /// milliseconds are usual; more on a host that is short of memory or processors.
    package var patience: Duration

    package init(
        stateDirectory: String,
        launcherPath: String? = nil,
        spareScratchDisksMax: Int = 2,
        expectedScratchSizes: [Int] = [512 << 20],
        extraUserlandPaths: [String] = [],
        network: NetworkConfiguration? = nil,
        patience: Duration = .seconds(10)
    ) {
        self.stateDirectory = stateDirectory
        self.launcherPath = launcherPath
        self.spareScratchDisksMax = spareScratchDisksMax
        self.expectedScratchSizes = expectedScratchSizes
        self.extraUserlandPaths = extraUserlandPaths
        self.network = network
        self.patience = patience
    }
}
