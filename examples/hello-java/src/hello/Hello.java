package hello;

import java.util.Map;

/** The smallest function: greets whoever the event names. */
public class Hello {
    /** What the event is made into; public fields do as well as getters and setters. */
    public static class Event {
        public String name = "world";
    }

    public Map<String, String> handle(Event event) {
        System.out.println("greeting " + event.name);
        return Map.of("greeting", "Hello, " + event.name + "!");
    }
}
