// swift-tools-version: 6.2
import PackageDescription

/// The settings of every Swift target: the strictest the compiler has, so that data races and missing imports
/// are compile errors.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// The settings of every C target.
let strictC: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

/// A room of the design: its name, the rooms above it that it may import, and the libraries it needs.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of a room, or of several together.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

// Top to bottom: a target imports only what stands above it.
let package = Package(
    name: "swiftlet",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "swiftlet", targets: ["swiftlet"]),
        .executable(name: "swiftlet-launcher", targets: ["swiftlet-launcher"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .systemLibrary(name: "CLinux"),

        room("LambdaAPI", [crypto]),
        room("Identity", ["LambdaAPI", crypto]),
        room("ServiceClients", ["Identity", "LambdaAPI", asyncHTTPClient, nioCore, nioHTTP1]),
        room("LogsAPI", ["LambdaAPI"]),
        room("IdentityAPI", ["LambdaAPI"]),
        room("LogStore", ["LambdaAPI", crypto]),
        room("Telemetry", ["LogStore", "LambdaAPI", "CLinux", logging, nioPosix]),
        room(
            "HostIdentity",
            ["Telemetry", nioSSL, nioTLS, nioHTTP1, nioPosix, nioCore, x509, swiftASN1, crypto, logging, systemPackage]
        ),
        room("LogsService", ["Telemetry", "LogStore", "LogsAPI", "LambdaAPI", nioPosix]),
        room("MetadataStore", ["LambdaAPI"]),
        room("MetadataStoreSQL", ["MetadataStore", "LambdaAPI"]),
        room(
            "MetadataStoreSQLite",
            ["MetadataStoreSQL", "MetadataStore", "LambdaAPI", .product(name: "GRDB", package: "GRDB.swift")]
        ),
        room(
            "MetadataStorePostgres",
            [
                "MetadataStoreSQL", "MetadataStore", "LambdaAPI", "CPostgreSQL",
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        room(
            "IdentityService",
            ["MetadataStore", "IdentityAPI", "Telemetry", "Identity", "LambdaAPI", crypto]
        ),
        room(
            "CodeStore",
            [
                "LambdaAPI", "Identity", "ServiceClients", "Telemetry", "CArchive", asyncHTTPClient, crypto, logging,
                nioCore, nioHTTP1, nioPosix, .product(name: "NIOFoundationCompat", package: "swift-nio"),
            ]
        ),

        .target(name: "CSandbox", cSettings: strictC),
        .target(name: "CFilter", dependencies: ["CSeccomp"], cSettings: strictC),
        .executableTarget(name: "swiftlet-launcher", dependencies: ["CSandbox", "CFilter"], cSettings: strictC),
        room("Sandbox", []),
        room("SandboxNamespaces", ["Sandbox", "CSandbox", logging]),

        room("GuestProtocol", []),
        .target(name: "CGuest", dependencies: ["CSandbox", "CFilter"], cSettings: strictC),
        // Without libraries beside it: it is all that there is in a guest but for the function's own files.
        .executableTarget(
            name: "swiftlet-guest",
            dependencies: ["GuestProtocol", "CGuest", "CFilter"],
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--strip-all"])]
        ),

        room("VirtualMachine", ["CSandbox", crypto, nioCore, nioPosix, nioHTTP1]),
        room("GuestImages", ["Sandbox", "CSandbox", crypto]),
        room(
            "SandboxMicroVM",
            ["GuestImages", "VirtualMachine", "GuestProtocol", "Sandbox", "CSandbox", logging, nioCore, nioPosix]
        ),

        room("Placement", []),
        room("FleetStatus", ["Placement", "MetadataStore"]),
        room("RuntimeAPI", ["LambdaAPI", nioCore, nioPosix, nioHTTP1]),
        room("Fleet", ["MetadataStore", "Telemetry", "LambdaAPI", logging]),
        room(
            "Worker",
            [
                "RuntimeAPI", "Sandbox", "CodeStore", "Telemetry", "LambdaAPI", crypto, logging, nioCore, nioPosix,
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        room("HostLink", ["HostIdentity", nioCore, nioPosix, nioSSL]),
        room(
            "FleetProtocol",
            ["Placement", "Worker", "HostLink", "LogsService", "LogStore", "LambdaAPI", nioCore]
        ),
        room(
            "WorkerRole",
            [
                "FleetProtocol", "Placement", "Worker", "CodeStore", "HostLink", "HostIdentity", "MetadataStore",
                "LogsService", "LogsAPI", "LogStore", "Telemetry", "LambdaAPI", logging, nioCore,
            ]
        ),
        room("PlacementSimulator", ["Placement", .product(name: "HeapModule", package: "swift-collections")]),
        room(
            "WorkerManager",
            [
                "Worker", "Telemetry", "LambdaAPI", logging, nioCore,
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        room(
            "Invocation",
            [
                "WorkerManager", "Worker", "LambdaAPI", nioCore,
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        room(
            "EventQueue",
            [
                "Invocation", "Worker", "ServiceClients", "MetadataStore", "Telemetry", "LambdaAPI", logging, nioCore,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]
        ),
        room(
            "ManagerRole",
            [
                "Fleet", "FleetStatus", "FleetProtocol", "Invocation", "WorkerManager", "Placement", "Worker",
                "HostLink", "HostIdentity",
                "MetadataStore", "Telemetry", "LambdaAPI", crypto, logging, nioCore,
            ]
        ),
        room(
            "FrontendRole",
            [
                "Fleet", "FleetStatus", "FleetProtocol", "Invocation", "Placement", "Worker", "HostLink",
                "HostIdentity", "MetadataStore", "LogsService", "LogsAPI", "LogStore", "Telemetry",
                "LambdaAPI", logging, nioCore,
            ]
        ),
        room(
            "FleetSimulator",
            [
                "FrontendRole", "ManagerRole", "WorkerRole", "Fleet", "Invocation", "WorkerManager", "MetadataStore",
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        room("FunctionURL", ["LambdaAPI", nioCore, nioHTTP1]),
        room(
            "ControlPlane",
            [
                "FunctionURL", "EventQueue", "CodeStore", "MetadataStore", "Telemetry", "Identity", "LambdaAPI", crypto,
                logging,
            ]
        ),
        room(
            "Frontend",
            [
                "ControlPlane", "FunctionURL", "EventQueue", "Invocation", "WorkerManager", "Worker", "CodeStore",
                "LogsService", "LogsAPI", "IdentityService", "IdentityAPI", "HostIdentity", "FleetStatus", "Placement",
                "Telemetry", "Identity", "LambdaAPI",
                "CZlib", crypto, hummingbird, httpTypes, logging,
                nioCore,
                nioHTTP1,
                nioSSL,
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            ]
        ),
        room(
            "Developer",
            [
                "CodeStore", "Telemetry", "Identity", "LambdaAPI", asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioSSL,
            ]
        ),
        .executableTarget(
            name: "swiftlet",
            dependencies: [
                "Developer", "FrontendRole", "ManagerRole", "WorkerRole", "Fleet", "FleetStatus", "FleetProtocol",
                "HostLink", "Placement",
                "MetadataStorePostgres", "MetadataStore",
                "Frontend", "ControlPlane", "EventQueue", "Invocation", "WorkerManager", "Worker", "SandboxNamespaces",
                "SandboxMicroVM", "GuestImages", "VirtualMachine", "Sandbox", "ServiceClients", "CodeStore",
                "IdentityService",
                "Identity", asyncHTTPClient,
                "MetadataStoreSQL", "MetadataStoreSQLite", "LogsService", "LogStore", "Telemetry", "LambdaAPI",
                hummingbird, logging,
                serviceLifecycle, unixSignals, nioCore,
                nioPosix,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                "HostIdentity", systemPackage, x509, swiftASN1, crypto,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "placement-simulator",
            dependencies: [
                "PlacementSimulator", "Placement",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "fleet-simulator",
            dependencies: ["FleetSimulator", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict
        ),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        tests("LambdaAPITests", ["LambdaAPI", "TestSupport"]),
        tests("IdentityTests", ["Identity", "LambdaAPI", "TestSupport"]),
        tests("ServiceClientsTests", ["ServiceClients", "Identity", "LambdaAPI", asyncHTTPClient, nioHTTP1]),
        tests("LogsAPITests", ["LogsAPI", "LambdaAPI"]),
        tests("IdentityAPITests", ["IdentityAPI", "LambdaAPI"]),
        tests(
            "IdentityServiceTests",
            [
                "IdentityService", "IdentityAPI", "Identity", "MetadataStore", "MetadataStoreSQL",
                "MetadataStoreSQLite", "LambdaAPI",
                "TestSupport",
            ]
        ),
        tests("LogStoreTests", ["LogStore", "LambdaAPI", "TestSupport"]),
        tests("LogsServiceTests", ["LogsService", "LogsAPI", "LogStore", "LambdaAPI", "TestSupport"]),
        tests(
            "HostIdentityTests",
            [
                "HostIdentity", "Telemetry", "TestSupport", nioSSL, nioTLS, nioCore, nioPosix, x509, swiftASN1, crypto,
                logging,
            ]
        ),
        tests("TelemetryTests", ["Telemetry", "LogStore", "LambdaAPI", "TestSupport", logging]),
        tests(
            "MetadataStoreTests",
            [
                "MetadataStore", "MetadataStoreSQL", "MetadataStoreSQLite", "MetadataStorePostgres", "LambdaAPI",
                "TestSupport", .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),
        tests(
            "CodeStoreTests",
            [
                "CodeStore", "ServiceClients", "Identity", "Telemetry", "LambdaAPI", "TestSupport", asyncHTTPClient,
                logging, nioCore,
                nioHTTP1, .product(name: "NIOFoundationCompat", package: "swift-nio"),
            ]
        ),
        tests(
            "ControlPlaneTests",
            [
                "ControlPlane", "CodeStore", "MetadataStore", "MetadataStoreSQL", "MetadataStoreSQLite", "LambdaAPI",
                "TestSupport", logging,
            ]
        ),
        tests("FunctionURLTests", ["FunctionURL", "LambdaAPI", "TestSupport", nioCore, nioHTTP1]),
        tests("FrontendTests", ["Frontend", "FleetStatus", "LambdaAPI", "TestSupport", nioCore, nioPosix, nioHTTP1]),
        .target(
            name: "SandboxTestSupport",
            dependencies: ["Sandbox", "CSandbox"],
            path: "Tests/SandboxTestSupport",
            swiftSettings: strict
        ),
        tests(
            "SandboxNamespacesTests",
            ["SandboxNamespaces", "Sandbox", "CSandbox", "SandboxTestSupport", "TestSupport", logging]
        ),
        .target(name: "FirecrackerAPI", path: "Tests/FirecrackerAPI", swiftSettings: strict),
        .executableTarget(
            name: "firecracker-stand-in",
            dependencies: ["FirecrackerAPI"],
            path: "Tests/FirecrackerStandIn",
            swiftSettings: strict
        ),
        .target(
            name: "FirecrackerTestSupport",
            dependencies: ["FirecrackerAPI", "VirtualMachine", "CSandbox"],
            path: "Tests/FirecrackerTestSupport",
            swiftSettings: strict
        ),
        tests(
            "SandboxMicroVMTests",
            [
                "SandboxMicroVM", "SandboxNamespaces", "GuestImages", "VirtualMachine", "GuestProtocol", "Sandbox",
                "SandboxTestSupport", "FirecrackerAPI", "FirecrackerTestSupport", "firecracker-stand-in", "CSandbox",
                "TestSupport", logging, nioPosix,
            ]
        ),
        // With links to those files of the agent that are tried outside of a guest: it is linked as no test can be.
        tests("GuestAgentTests", ["GuestProtocol"]),
        tests("GuestProtocolTests", ["GuestProtocol", "TestSupport"]),
        tests("GuestImagesTests", ["GuestImages", "TestSupport"]),
        tests(
            "VirtualMachineTests",
            [
                "VirtualMachine", "GuestImages", "GuestProtocol", "CSandbox", "FirecrackerAPI",
                "FirecrackerTestSupport", "firecracker-stand-in", "TestSupport", nioCore, nioPosix,
            ]
        ),
        tests("RuntimeAPITests", ["RuntimeAPI", "LambdaAPI", "TestSupport", nioCore, nioPosix]),
        tests(
            "FleetTests",
            ["Fleet", "MetadataStore", "MetadataStorePostgres", "LambdaAPI", "TestSupport", logging]
        ),
        tests("FleetStatusTests", ["FleetStatus", "MetadataStore", "Placement", "TestSupport"]),
        tests("WorkerTests", ["Worker", "RuntimeAPI", "Sandbox", "LambdaAPI", "TestSupport", nioCore]),
        tests("DeveloperTests", ["Developer", "CodeStore", "TestSupport", logging]),
        tests("PlacementTests", ["Placement", "PlacementSimulator", "TestSupport"]),
        tests("InvocationTests", ["Invocation", "LambdaAPI", "TestSupport"]),
        tests(
            "EventQueueTests",
            [
                "EventQueue", "MetadataStore", "MetadataStoreSQLite", "MetadataStorePostgres", "ServiceClients",
                "Worker", "Invocation", "LambdaAPI",
                "TestSupport",
                asyncHTTPClient, logging, nioCore, nioPosix,
            ]
        ),
        tests(
            "HostLinkTests",
            ["HostLink", "HostIdentity", "TestSupport", nioCore, nioPosix, nioEmbedded, logging]
        ),
        tests(
            "FleetProtocolTests",
            [
                "FleetProtocol", "Placement", "HostLink", "LogsService", "LogStore", "Worker", "LambdaAPI",
                "TestSupport",
                nioCore,
            ]
        ),
        tests(
            "WorkerRoleTests",
            [
                "WorkerRole", "FleetProtocol", "MetadataStore", "MetadataStoreSQL", "MetadataStoreSQLite", "LogStore",
                "LambdaAPI", "TestSupport", logging,
            ]
        ),
        tests(
            "ManagerRoleTests",
            [
                "ManagerRole", "FleetStatus", "FleetProtocol", "HostLink", "HostIdentity", "Placement", "MetadataStore",
                "LambdaAPI", "TestSupport", nioCore,
            ]
        ),
        tests(
            "FrontendRoleTests",
            [
                "FrontendRole", "WorkerRole", "Fleet", "FleetProtocol", "HostLink", "HostIdentity", "MetadataStore",
                "MetadataStoreSQL", "MetadataStoreSQLite", "LogsService", "LogsAPI", "LogStore", "LambdaAPI",
                "TestSupport", logging, nioCore,
            ]
        ),
        tests("FleetSimulationTests", ["FleetSimulator"]),
        tests("WorkerManagerTests", ["WorkerManager", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
