package example;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** One method for each form that a handler may have. */
public class Handlers {
    private int count;

    public String greet(String name) {
        return "Hello, " + name;
    }

    public Integer increment(Integer number) {
        return number + 1;
    }

    public int add(int number) {
        return number + 1;
    }

    public boolean negate(boolean value) {
        return !value;
    }

    public Map<String, Object> map(Map<String, Object> event) {
        return event;
    }

    public List<Integer> doubled(List<Integer> numbers) {
        return numbers.stream().map(number -> 2 * number).collect(java.util.stream.Collectors.toList());
    }

    public Object echo(Object event) {
        return event;
    }

    public void nothing(Object event) {}

    public String noEvent() {
        return "no event";
    }

    public String contextOnly(Context context) {
        return context.getAwsRequestId();
    }

    public String both(Map<String, String> event, Context context) {
        return event.get("a") + " " + context.getFunctionName();
    }

    public static String fixed(String event) {
        return "static " + event;
    }

    public String overloaded(String event) {
        return "short";
    }

    public String overloaded(String event, Context context) {
        return "long";
    }

    public void stream(InputStream input, OutputStream output, Context context) throws IOException {
        output.write(context.getFunctionName().getBytes(StandardCharsets.UTF_8));
        input.transferTo(output);
    }

    public void streamWithoutContext(InputStream input, OutputStream output) throws IOException {
        input.transferTo(output);
    }

    public void outputOnly(OutputStream output) throws IOException {
        output.write("raw".getBytes(StandardCharsets.UTF_8));
    }

    public int inputOnly(InputStream input) throws IOException {
        return input.readAllBytes().length;
    }

    public int count() {
        count += 1;
        return count;
    }

    public int tooMany(String one, String two, String three) {
        return 3;
    }

    protected String hidden(String event) {
        return event;
    }

    public static class Nested {
        public String handle(String event) {
            return "nested " + event;
        }
    }

    public class Inner {
        public String handle(String event) {
            return event;
        }
    }
}
