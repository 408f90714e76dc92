package example;

import java.util.ArrayList;
import java.util.List;

/** Fails as the event says, and answers anything else with the number of its invokes. */
public class Failing {
    private int count;

    public static class Own extends Exception {
        private static final long serialVersionUID = 1;

        public Own(String message) {
            super(message);
        }

        public Own(String message, Throwable cause) {
            super(message, cause);
        }
    }

    public int handle(String kind) throws Exception {
        count += 1;
        switch (kind) {
            case "runtime":
                throw new RuntimeException("bad");
            case "checked":
                throw new Own("outer", new IllegalStateException("inner"));
            case "silent":
                throw new NullPointerException();
            case "error":
                throw new AssertionError("wrong");
            case "circle":
                Own first = new Own("first");
                first.initCause(new Own("second", first));
                throw first;
            case "stack":
                return handle(kind);
            case "memory":
                List<byte[]> kept = new ArrayList<>();
                while (true) {
                    kept.add(new byte[1 << 20]);
                }
            case "exit":
                System.exit(3);
                return 0;
            case "halt":
                Runtime.getRuntime().halt(0);
                return 0;
            case "interrupt":
                Thread.currentThread().interrupt();
                return count;
            case "sleep":
                Thread.sleep(3_600_000);
                return 0;
            default:
                return count;
        }
    }

    public static class AtConstruction {
        public AtConstruction() {
            throw new IllegalStateException("not today");
        }

        public String handle(String event) {
            return event;
        }
    }

    public static class AtLoad {
        static {
            if (true) {
                throw new IllegalStateException("not ever");
            }
        }

        public String handle(String event) {
            return event;
        }
    }

    public static class WithoutConstructor {
        public WithoutConstructor(int number) {}

        public String handle(String event) {
            return event;
        }
    }
}
