import ControlPlane
import EventQueue
import Frontend
import Logging
import ServiceLifecycle
import Telemetry
import Worker
import WorkerManager

// The rooms as services of one process: how each runs, and how it ends.

/// Runs the worker until its last environment is gone.
struct WorkerService: Service {
    let worker: Worker
    let manager: WorkerManager

    func run() async {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await worker.run()
            } onGracefulShutdown: {
                worker.finish()
            }
        } onCancel: {
            manager.abort()
            worker.finish()
        }
    }
}

/// Runs the manager, and ends every environment when the service stops: idle ones at once, the others when they have
/// finished, or when the time for that is over.
struct WorkerManagerService: Service {
    let manager: WorkerManager

    func run() async {
        await withTaskCancellationHandler {
            await cancelWhenGracefulShutdown { await manager.run() }
            manager.shutDown()
        } onCancel: {
            manager.abort()
        }
    }
}

/// Works off events until the service stops, and then until those are settled that are underway.
struct EventQueueService: Service {
    let events: EventQueue

    func run() async {
        events.begin()
        // Throws when it is cancelled: then nothing is waited for any more.
        try? await gracefulShutdown()
        await events.drain()
    }
}

/// Runs the control plane until it has finished what has begun.
struct ControlPlaneService: Service {
    let controlPlane: ControlPlane

    func run() async {
        await withGracefulShutdownHandler {
            await controlPlane.run()
        } onGracefulShutdown: {
            controlPlane.stop()
        }
    }
}

/// Keeps the logs to their limits as long as the service runs.
struct LogRetentionService: Service {
    let retention: LogRetention

    func run() async {
        await cancelWhenGracefulShutdown { await retention.run() }
    }
}

/// Keeps the certificate up with its files as long as the service runs.
struct CertificateService: Service {
    let certificates: CertificateSource

    func run() async {
        await cancelWhenGracefulShutdown { await certificates.run() }
    }
}

/// Lets no more clients in when the service stops, and waits for those that are about to come in.
struct FrontDoorService: Service {
    let door: FrontDoor
    let logger: Logger

    func run() async {
        // Throws when it is cancelled: then there is no time to be polite.
        guard (try? await gracefulShutdown()) != nil else { return }
        do {
            try await door.close()
        } catch is CancellationError {
            return
        } catch {
            logger.warning(
                "clients that connect at this moment may be turned away halfway",
                metadata: [LogKey.error: "\(error)"]
            )
        }
    }
}
