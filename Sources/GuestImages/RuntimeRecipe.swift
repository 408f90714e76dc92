/// What a runtime's image is made of.
package struct RuntimeRecipe: Hashable, Sendable {
    /// The runtime's identifier, as in the API.
    package let runtime: String
    /// What to install, beside ``base``.
    let packages: [String]
    /// Directories below which Python's sources are compiled.
    let pythonDirectories: [String]

    private init(_ runtime: String, _ packages: [String], pythonDirectories: [String] = []) {
        self.runtime = runtime
        self.packages = packages
        self.pythonDirectories = pythonDirectories
    }

    /// What a function may expect whatever it is written in.
    private static let base = [
        "bash", "ca-certificates", "coreutils", "findutils", "grep", "libc-bin", "sed", "tzdata",
    ]

    /// What packages depend on for their installation, which is not what is done with them here.
    private static let unwanted: Set<String> = [
        "debconf", "dpkg", "libdb5.3", "libgdbm-compat4", "libgdbm6", "perl", "perl-base", "perl-modules-5.36",
        "libperl5.36", "init-system-helpers", "java-common", "ca-certificates-java",
    ]

    /// Those that Debian 12 has the language of.
    package static let all: [RuntimeRecipe] = [
        RuntimeRecipe("python3.11", ["python3.11", "libpython3-stdlib"], pythonDirectories: ["/usr/lib/python3.11"]),
        RuntimeRecipe("nodejs18.x", ["nodejs"]),
        RuntimeRecipe("ruby3.1", ["ruby3.1"]),
        RuntimeRecipe("java17", ["openjdk-17-jre-headless"]),
        RuntimeRecipe("provided.al2023", ["libstdc++6", "zlib1g", "libssl3"]),
        RuntimeRecipe("provided.al2", ["libstdc++6", "zlib1g", "libssl3"]),
    ]

    /// The names to ask apt for.
    var requested: [String] { Self.base + packages }

    /// Which of the packages that apt names are unpacked.
    func wanted(_ packages: [DebianPackage]) -> [DebianPackage] {
        packages.filter { !Self.unwanted.contains($0.name) }
    }

    /// What an image is found by: if this is the same, so is the image. The number goes up when the way images are made changes.
    func key(_ packages: [DebianPackage]) -> String {
        let list = packages.map { "\($0.name)=\($0.version)" }.joined(separator: " ")
        return "1 \(runtime) \(list)"
    }
}
